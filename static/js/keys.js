// Walking the picture by keyboard: one tab stop, arrows along the edges.
/** @import { Store } from "./types.d.ts" */
/** @import { Viewport } from "./viewport.js" */

/**
 * @typedef {object} Picture
 * @property {(id: number) => SVGGElement[]} drawn the boxes of a node; a leaf has one for each of its uses
 * @property {() => Element | null} loss
 * @property {(element: Element) => void} choose
 * @property {(line: number) => void} goToLine
 * @property {() => Viewport | null} viewport
 */

/** @param {HTMLElement} holder @param {Store} store @param {Picture} picture */
export function walkByKeys(holder, store, picture) {
  holder.addEventListener("keydown", (event) => {
    const at = event.target instanceof Element ? event.target.closest("g.node") : null;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!zoomed(event.key, picture.viewport()) && !(at && moved(event.key, at))) return;
    event.preventDefault();
    event.stopPropagation();
  });

  /** @param {string} key @param {Element} at */
  function moved(key, at) {
    const id = Number(at.getAttribute("data-node"));
    if (key === "Enter" || key === " ") picture.choose(at);
    else if (key === "Home") go(picture.loss());
    else if (key === "ArrowDown") go(closest(at, near(id, "out")));
    else if (key === "ArrowUp") go(closest(at, near(id, "into")));
    else if (key === "ArrowLeft" || key === "ArrowRight") go(beside(at, key === "ArrowLeft" ? -1 : 1));
    else if (key === "l" || key === "L") picture.goToLine(store.now.graph?.lineOf.get(id) ?? 0);
    else return false;
    return true;
  }

  /** @param {number} id @param {"out" | "into"} way */
  function near(id, way) {
    const edges = store.now.graph?.[way].get(id) ?? [];
    return edges.flatMap((edge) => picture.drawn(way === "out" ? edge.target : edge.source));
  }

  /** The next box of the same row. @param {Element} at @param {number} step */
  function beside(at, step) {
    const here = centre(at);
    const row = [...holder.querySelectorAll("g.node")]
      .map((element) => ({ element, ...centre(element) }))
      .filter((other) => Math.abs(other.y - here.y) < here.height / 2)
      .sort((a, b) => a.x - b.x);
    return row[row.findIndex((other) => other.element === at) + step]?.element ?? null;
  }

  /** @param {Element | null} element */
  function go(element) {
    if (!(element instanceof SVGElement)) return;
    for (const other of holder.querySelectorAll('g.node[tabindex="0"]')) other.setAttribute("tabindex", "-1");
    element.setAttribute("tabindex", "0");
    element.focus({ preventScroll: true });
    picture.viewport()?.reveal(element);
  }
}

/** @param {string} key @param {Viewport | null} viewport */
function zoomed(key, viewport) {
  if (key === "+" || key === "=") viewport?.by(1.25);
  else if (key === "-") viewport?.by(0.8);
  else if (key === "0") viewport?.fit();
  else if (key === "1") viewport?.full();
  else return false;
  return true;
}

/** @param {Element} at @param {Element[]} candidates */
function closest(at, candidates) {
  const here = centre(at);
  const distance = (/** @type {Element} */ other) => Math.hypot(centre(other).x - here.x, centre(other).y - here.y);
  return candidates.reduce((/** @type {Element | null} */ best, next) => (best && distance(best) <= distance(next) ? best : next), null);
}

/** @param {Element} element */
function centre(element) {
  const box = element.getBoundingClientRect();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2, height: box.height };
}
