// The findings: what went wrong, where, and a change of the code that mends it.
import { h, one } from "./dom.js";
import { tensorName } from "./format.js";
import { lineLink } from "./gradients.js";
/** @import { Editor, Finding, Fix, Run, Store, Words } from "./types.d.ts" */
/** @import { Links } from "./gradients.js" */

/** @param {Store} store @param {Words} t @param {Links} links @param {() => Editor} editor @param {(text: string, undo?: boolean) => void} notice */
export function showFindings(store, t, links, editor, notice) {
  const panel = one("#panel-explain");

  /** @param {Fix} fix */
  function apply(fix) {
    if (!editor().change(fix)) return notice(t("explain.fix.stale"));
    return notice(t("explain.fix.applied", { line: fix.line }), true);
  }

  /** @param {Finding} finding @param {Run} run */
  function item(finding, run) {
    const likely = finding.params["certainty"] === "likely";
    return h(
      "li",
      { class: `finding ${finding.severity}`, "data-code": finding.code },
      h("p", { class: "finding-head" }, h("b", { class: "severity" }, t(`explain.severity.${finding.severity}`)), likely && h("span", { class: "faint" }, t("explain.likely")), finding.line !== null && lineLink(finding.line, t, links)),
      h("p", { class: "sentence" }, t(`finding.${finding.code}`, finding.params)),
      mentioned(finding, run),
      finding.fix && fixOf(finding, finding.fix),
    );
  }

  /** @param {Finding} finding @param {Run} run */
  function mentioned(finding, run) {
    const nodes = finding.nodes.slice(0, 8).map((at) => {
      const node = run.graphs.find((graph) => graph.id === at.graph)?.nodes.find((one) => one.id === at.node);
      return node && h("button", { type: "button", class: "link", onclick: () => links.node(at.graph, at.node) }, node.name);
    });
    const tensors = finding.tensors.slice(0, 8).flatMap((id) => run.tensors.find((tensor) => tensor.id === id) ?? []).filter((tensor) => tensor.names.length > 0);
    if (nodes.length + tensors.length === 0) return null;
    return h("p", { class: "mentioned" }, ...nodes, ...tensors.map((tensor) => h("code", {}, tensorName(tensor, t))));
  }

  /** @param {Finding} finding @param {Fix} fix */
  function fixOf(finding, fix) {
    const key = `fix.${finding.code}`;
    return h(
      "details",
      { class: "fix-box" },
      h("summary", {}, t("explain.fix.show")),
      t.has(key) && h("p", {}, t(key, finding.params)),
      h("p", { class: "faint" }, t(`explain.fix.${fix.kind}`, { line: fix.line })),
      h("pre", { class: "fix" }, fix.text),
      h("button", { type: "button", class: "button", onclick: () => apply(fix) }, t("explain.fix.apply")),
    );
  }

  store.watch(["run"], ({ run }) => {
    if (!run) return;
    const none = h("p", { class: "nothing-here" }, t("explain.none"));
    panel.replaceChildren(run.findings.length === 0 ? none : h("ol", { class: "findings" }, ...run.findings.map((finding) => item(finding, run))));
  });
}
