// How numbers, shapes and previews read: the twin of templates/partials/format.html. Pure.
/** @import { Numeric, Scalar, TensorSummary, Tensor, Words } from "./types.d.ts" */

/** Four significant digits. @param {Numeric | null | undefined} value */
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}

/** @param {Scalar} value */
export function scalar(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  return Array.isArray(value) ? `${number(value[0])}+${number(value[1])}j` : number(value);
}

/** As Python writes a tuple. @param {readonly number[] | null} sizes @param {Words} t */
export function shape(sizes, t) {
  if (!sizes) return "–";
  if (sizes.length === 0) return t("gradients.scalar");
  return `(${sizes.join(", ")}${sizes.length === 1 ? "," : ""})`;
}

/** The first elements on one line. @param {TensorSummary} summary @param {number} [most] */
export function preview(summary, most = 4) {
  const [first] = summary.preview;
  if (first === undefined) return "–";
  if (summary.numel === 1) return scalar(first);
  const shown = summary.preview.slice(0, most).map(scalar).join(", ");
  return `[${shown}${summary.numel > most ? ", …" : ""}]`;
}

/** All shown elements, in rows as the tensor has them, of at most two dimensions. @param {TensorSummary} summary */
export function grid(summary) {
  const columns = summary.preview_shape.at(-1) || summary.preview.length || 1;
  const rows = [];
  for (let start = 0; start < summary.preview.length; start += columns) {
    rows.push(summary.preview.slice(start, start + columns).map(scalar));
  }
  const width = Math.max(0, ...rows.flat().map((text) => text.length));
  return rows.map((row) => row.map((text) => text.padStart(width)).join("  ")).join("\n");
}

/** What a gradient amounts to, in words that say NaN and exact zero. @param {TensorSummary} gradient @param {Words} t */
export function amount(gradient, t) {
  if (gradient.nans) return t("gradients.nan", { count: gradient.nans });
  if (gradient.infs) return t("gradients.inf", { count: gradient.infs });
  if (gradient.norm === 0) return t("gradients.zero");
  if (gradient.numel === 1 && gradient.preview.length > 0) return preview(gradient);
  return gradient.norm === null ? preview(gradient) : t("gradients.norm", { norm: number(gradient.norm) });
}

/** @param {TensorSummary} gradient */
export const isBad = (gradient) => Boolean(gradient.nans || gradient.infs);

/** @param {number} count */
export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) (count /= 1024), (unit += 1);
  return `${Number(count.toPrecision(3))} ${units[unit]}`;
}

/** @param {number} milliseconds */
export const seconds = (milliseconds) => (milliseconds / 1000).toFixed(2);

/** @param {Tensor} tensor @param {Words} t */
export const tensorName = (tensor, t) => tensor.names.join(", ") || `${t("gradients.unnamed")} #${tensor.id}`;
