// A histogram as a small picture whose accessible name says the same in words.
import { s } from "./dom.js";
import { number } from "./format.js";
/** @import { Histogram, Words } from "./types.d.ts" */

const WIDTH = 64;
const HEIGHT = 18;

/** @param {Histogram | null} histogram @param {Words} t @returns {SVGElement | null} */
export function drawHistogram(histogram, t) {
  if (!histogram || histogram.counts.length === 0) return null;
  const most = Math.max(...histogram.counts, 1);
  const step = WIDTH / histogram.counts.length;
  const bars = histogram.counts.map((count, index) => {
    const height = count === 0 ? 0 : Math.max(1, (count / most) * HEIGHT);
    return `M${(index * step).toFixed(2)} ${HEIGHT}v${(-height).toFixed(2)}h${Math.max(step - 0.5, 0.5).toFixed(2)}v${height.toFixed(2)}z`;
  });
  const label = inWords(histogram, t);
  return s(
    "svg",
    { class: "histogram", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": label },
    s("title", {}, label),
    s("path", { d: bars.join("") }),
    s("path", { class: "ground", d: `M0 ${HEIGHT}H${WIDTH}` }),
  );
}

/** @param {Histogram} histogram @param {Words} t */
export function inWords(histogram, t) {
  const most = Math.max(...histogram.counts);
  const where = histogram.counts.indexOf(most);
  return t("histogram.label", {
    count: histogram.counts.reduce((sum, count) => sum + count, 0),
    min: number(histogram.edges[0]),
    max: number(histogram.edges.at(-1)),
    most,
    low: number(histogram.edges[where]),
    high: number(histogram.edges[where + 1]),
  });
}
