// A picture as text becomes elements of the page. The server quotes every string; this is the second lock: only
// shapes and text are let in, and no attribute that could run, load or restyle anything.

const ELEMENTS = new Set("svg g path polygon polyline ellipse circle rect line text tspan title desc defs marker".split(" "));
const REFUSED = /^(on|style$|href$|xlink:|src$|xml:base$)/i;

/** @param {string} text @returns {SVGSVGElement | null} null when it is not a picture */
export function parsePicture(text) {
  if (!/^\s*<svg[\s>]/.test(text)) return null;
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  if (!(parsed instanceof SVGSVGElement) || parsed.querySelector("parsererror")) return null;
  clean(parsed);
  return document.adoptNode(parsed);
}

/** @param {Element} root */
function clean(root) {
  for (const element of [root, ...root.querySelectorAll("*")]) {
    if (!ELEMENTS.has(element.localName) || element.namespaceURI !== root.namespaceURI) {
      element.remove();
      continue;
    }
    for (const { name, value } of [...element.attributes]) {
      const reaches = /url\s*\(/i.test(value) && !/^url\(#[\w-]+\)$/.test(value);
      if (REFUSED.test(name) || (reaches && name !== "aria-label")) element.removeAttribute(name);
    }
  }
}
