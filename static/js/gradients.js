// The table of all tensors: what they are, and their gradients or why there is none.
import { dotted, h, one } from "./dom.js";
import { amount, grid, isBad, number, preview, shape, tensorName } from "./format.js";
import { drawHistogram } from "./histogram.js";
/** @import { Run, Store, Tensor, TensorSummary, Words } from "./types.d.ts" */

/** @typedef {{ line(line: number): void, node(graph: number, node: number): void }} Links */

/** @param {Store} store @param {Words} t @param {Links} links */
export function showGradients(store, t, links) {
  const panel = one("#panel-gradients");
  let needing = false;
  const draw = () => {
    const run = store.now.run;
    if (!run) return;
    if (run.tensors.length === 0) return panel.replaceChildren(h("p", { class: "nothing-here" }, t("gradients.none")));
    panel.replaceChildren(filter(run), table(run));
  };

  /** @param {Run} run */
  function filter(run) {
    const box = h("input", { type: "checkbox", checked: needing, onchange: toggle });
    const shown = shownOf(run).length;
    return h(
      "div",
      { class: "filter" },
      h("label", { class: "check", title: t("gradients.filter.help") }, box, " ", t("gradients.filter")),
      h("span", { class: "faint", "aria-live": "polite" }, t("gradients.shown", { shown, total: run.tensors.length })),
    );
  }
  /** @param {Event} event */
  function toggle(event) {
    needing = event.target instanceof HTMLInputElement && event.target.checked;
    draw();
    panel.querySelector("input")?.focus();
  }
  /** @param {Run} run */
  const shownOf = (run) => run.tensors.filter((tensor) => !needing || tensor.requires_grad);

  /** @param {Run} run */
  function table(run) {
    const rows = shownOf(run).map((tensor) => row(tensor, t, links));
    return h(
      "table",
      { class: "gradients cards" },
      h("caption", { class: "sr" }, t("gradients.caption")),
      h("thead", { class: "sr" }, h("tr", {}, ...["gradients.name", "details.title", "gradients.value", "gradients.gradient"].map((key) => h("th", { scope: "col" }, t(key))))),
      h("tbody", {}, ...rows),
    );
  }
  store.watch(["run"], draw);
}

/** @param {Tensor} tensor @param {Words} t @param {Links} links */
function row(tensor, t, links) {
  const { grad, values } = tensor;
  const state = grad ? (isBad(grad) ? "bad" : "has") : "none";
  return h(
    "tr",
    { "data-tensor": tensor.id, "data-names": tensor.names.join(" "), class: `grad-${state}` },
    h("th", { scope: "row" }, h("code", {}, ...dotted(tensorName(tensor, t)))),
    h("td", { class: "facts" }, ...facts(tensor, t, links)),
    h("td", { "data-label": t("gradients.value") }, values ? numbers(values, t) : h("span", { class: "faint" }, tensor.alive ? "–" : t("gradients.gone"))),
    h("td", { "data-label": t("gradients.gradient") }, grad ? gradient(grad, t) : none(tensor, t)),
  );
}

/** @param {number} line @param {Words} t @param {Links} links */
export const lineLink = (line, t, links) => h("button", { type: "button", class: "link line", onclick: () => links.line(line) }, t("node.line", { line }));

/** @param {Tensor} tensor @param {Words} t @param {Links} links */
function facts(tensor, t, links) {
  const madeBy = tensor.grad_fn;
  const fact = (/** @type {string} */ key, /** @type {Node | string} */ value, /** @type {string} */ help) => h("span", { class: `fact ${key}`, title: help }, value);
  const frozen = tensor.is_parameter && !tensor.requires_grad;
  return [
    tensor.line !== null && lineLink(tensor.line, t, links),
    fact("shape", shape(tensor.shape, t), t("gradients.shape")),
    fact("dtype", tensor.dtype, t("gradients.dtype")),
    fact(tensor.requires_grad ? "needs" : "free", t(tensor.requires_grad ? "gradients.needs.yes" : "gradients.needs.no"), `requires_grad=${tensor.requires_grad ? "True" : "False"}`),
    fact("leaf", t(tensor.is_leaf ? "gradients.leaf.yes" : "gradients.leaf.no"), `is_leaf=${tensor.is_leaf ? "True" : "False"}`),
    tensor.is_parameter && fact("parameter", t(frozen ? "gradients.frozen" : "gradients.parameter"), "torch.nn.Parameter"),
    tensor.retains_grad && fact("retained", t("gradients.retained"), "retains_grad=True"),
    fact("grad-fn", tensor.grad_fn_name === null ? "grad_fn=None" : madeBy ? h("button", { type: "button", class: "link", onclick: () => links.node(madeBy.graph, madeBy.node) }, tensor.grad_fn_name) : tensor.grad_fn_name, t("gradients.grad_fn")),
  ];
}

/** @param {TensorSummary} values @param {Words} t */
function numbers(values, t) {
  if (values.numel <= 4) return h("code", {}, preview(values));
  return h("details", { class: "numbers" }, h("summary", {}, h("code", {}, preview(values, 3))), full(values, t));
}

/** @param {TensorSummary} gradient @param {Words} t */
export function gradient(gradient, t) {
  const headline = h("span", { class: isBad(gradient) ? "amount bad" : "amount", title: gradient.numel > 1 ? t("gradients.norm.help") : "" }, amount(gradient, t));
  if (gradient.numel <= 1) return headline;
  const histogram = drawHistogram(gradient.histogram, t);
  return h("div", { class: "gradient" }, h("div", { class: "amount-row" }, headline, histogram), numbers(gradient, t));
}

/** @param {TensorSummary} summary @param {Words} t */
export function full(summary, t) {
  const range = summary.min !== null && summary.max !== null ? t("gradients.range", { min: number(summary.min), max: number(summary.max) }) : "";
  const mean = summary.mean !== null ? t("gradients.mean", { mean: number(summary.mean) }) : "";
  const told = [shape(summary.shape, t), range, mean, summary.sampled ? t("gradients.sampled") : ""].filter(Boolean).join(" · ");
  return h("div", {}, h("p", { class: "faint" }, told), h("pre", { class: "grid" }, grid(summary) + (summary.truncated ? "\n…" : "")));
}

/** @param {Tensor} tensor @param {Words} t */
export function none(tensor, t) {
  const reason = tensor.grad_reason;
  return h("span", { class: "none" }, h("b", {}, t("gradients.none_value")), reason && h("span", { class: "why" }, " ", t(`reason.${reason.code}`, reason.params)));
}
