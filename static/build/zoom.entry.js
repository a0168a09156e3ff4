// Pan and zoom for the graph: bundled into static/vendor/zoom.js.
export { zoom, zoomIdentity } from "d3-zoom";
export { select } from "d3-selection";
