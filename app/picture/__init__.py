"""A captured graph as a picture: fold → DOT → Graphviz in a limited child → SVG for the page. Runs in the server.

Every string of a run is the snippet's and hostile: it is cleaned in `quoting` before it enters any drawing, and the
layout that Graphviz sees holds no such string at all.
"""

from app.picture.painter import Painter, dot_source
from app.picture.style import Legend, LegendEntry, legend
from app.picture.svg import standalone_svg
from app.picture.view import View

__all__ = ["Legend", "LegendEntry", "Painter", "View", "dot_source", "legend", "standalone_svg"]
