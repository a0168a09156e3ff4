"""What `dot -Tsvg` does, for machines without it: reads DOT from stdin, writes SVG to stdout.

Runs in the limited child, on the Graphviz that the pygraphviz wheel brings along; knows nothing of the server. It uses
the wheel's thin C bindings because the comfortable ones make temporary files, and this child may write none.
"""

import os
import sys


def main() -> None:
    from pygraphviz import graphviz

    context = graphviz.gvContextWithBuiltins()
    graph = graphviz.agread(sys.stdin.buffer, None)
    if graphviz.gvLayout(context, graph, b"dot"):
        sys.exit(1)
    failed, svg = graphviz.gvRenderData(context, graph, b"svg")
    sys.stdout.buffer.write(svg)
    sys.stdout.buffer.flush()
    os._exit(failed)  # at once: nothing is left to tidy up, and someone waits


if __name__ == "__main__":
    main()
