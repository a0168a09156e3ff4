// Pan and zoom of one picture: a transform on one <g>, which stays quick where moving the viewBox does not.
/** @typedef {{ fit(): void, full(): void, by(factor: number): void, reveal(element: Element): void, start(): void, moved: boolean }} Viewport */

const MARGIN = 28;
/** The zoom buttons stand in the lower corner. */
const CONTROLS = 62;
const READABLE = 0.7;
const COMFORTABLE = 0.85;
/** What nearly fits is better seen small and almost whole than large and cut. */
const NEARLY = 0.5;
const LARGEST_FIT = 1.15;

/**
 * Takes over `picture`, which must be in the document. `loss` is where a picture too large to be read whole begins.
 * @param {SVGSVGElement} picture
 * @param {() => Element | null} loss
 * @param {(scale: number) => void} scaled
 * @returns {Promise<Viewport>}
 */
export async function createViewport(picture, loss, scaled) {
  const box = picture.viewBox.baseVal;
  const size = { x: box?.x ?? 0, y: box?.y ?? 0, width: box?.width || 100, height: box?.height || 100 };
  const { zoom, zoomIdentity, select } = await import("../vendor/zoom.js");
  const layer = document.createElementNS("http://www.w3.org/2000/svg", "g");
  layer.setAttribute("class", "viewport");
  layer.append(...[...picture.childNodes].filter((child) => child.nodeName !== "title"));
  picture.append(layer);
  for (const name of ["viewBox", "width", "height"]) picture.removeAttribute(name);

  const room = () => ({ width: picture.clientWidth || 1, height: picture.clientHeight || 1 });
  /** @type {Viewport} */
  const viewport = { fit, full, by, reveal, start, moved: false };
  const behaviour = zoom()
    .scaleExtent([0.05, 6])
    .extent(() => [[0, 0], [room().width, room().height]])
    .on("zoom", (/** @type {{ transform: { k: number, toString(): string }, sourceEvent: Event | null }} */ event) => {
      layer.setAttribute("transform", String(event.transform));
      if (event.sourceEvent) viewport.moved = true;
      scaled(event.transform.k);
    });
  const target = /** @type {any} */ (select(picture));
  target.call(behaviour).on("dblclick.zoom", null);

  /** @param {number} x @param {number} y @param {number} k */
  const place = (x, y, k) => target.call(behaviour.transform, zoomIdentity.translate(x, y).scale(k));
  const fitting = () => Math.min((room().width - 2 * MARGIN) / size.width, (room().height - MARGIN - CONTROLS) / size.height, LARGEST_FIT);

  /** @param {number} k */
  function centred(k) {
    const { width, height } = room();
    place((width - k * size.width) / 2 - k * size.x, Math.max(MARGIN, (height - CONTROLS + MARGIN - k * size.height) / 2) - k * size.y, k);
  }
  function fit() {
    viewport.moved = false;
    centred(Math.max(fitting(), 0.05));
  }
  function full() {
    place(MARGIN, MARGIN, 1);
    const element = loss();
    if (element) reveal(element);
    viewport.moved = true;
  }
  function start() {
    viewport.moved = false;
    if (fitting() >= READABLE) return centred(fitting());
    const across = (room().width - 2 * MARGIN) / size.width;
    const k = fitting() >= NEARLY ? READABLE : across >= READABLE ? Math.min(1, across) : COMFORTABLE;
    place(MARGIN, MARGIN - k * size.y, k);
    const element = loss();
    if (!element) return undefined;
    const at = element.getBoundingClientRect();
    const frame = picture.getBoundingClientRect();
    const dx = k * size.width <= frame.width ? (frame.width - k * size.width) / 2 - MARGIN : frame.width / 2 - (at.x + at.width / 2 - frame.x);
    return place(MARGIN + dx, MARGIN - k * size.y, k);
  }
  /** @param {number} factor */
  function by(factor) {
    target.call(behaviour.scaleBy, factor);
    viewport.moved = true;
  }
  /** @param {Element} element */
  function reveal(element) {
    const at = element.getBoundingClientRect();
    const frame = picture.getBoundingClientRect();
    const dx = outside(at.left, at.right, frame.left, frame.right);
    const dy = outside(at.top, at.bottom, frame.top, frame.bottom);
    const k = layer.getCTM()?.a ?? 1;
    if (dx || dy) target.call(behaviour.translateBy, dx / k, dy / k);
  }
  return viewport;
}

/** How far to move so that [low, high] lies within [from, to]. @param {number} low @param {number} high @param {number} from @param {number} to */
function outside(low, high, from, to) {
  if (low < from + MARGIN) return from + MARGIN - low;
  if (high > to - MARGIN) return Math.max(to - MARGIN - high, from + MARGIN - low);
  return 0;
}
