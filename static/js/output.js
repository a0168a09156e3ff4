// What the snippet printed, and what stopped it.
import { h, one } from "./dom.js";
import { lineLink } from "./gradients.js";
/** @import { Run, SnippetError, Store, Words } from "./types.d.ts" */
/** @import { Links } from "./gradients.js" */

/** @param {Store} store @param {Words} t @param {Links} links @param {() => void} explain */
export function showOutput(store, t, links, explain) {
  const panel = one("#panel-output");
  store.watch(["run"], ({ run }) => {
    if (!run) return;
    const parts = [alertOf(run, t, links, explain), ...printed(run, t), run.error && traceback(run.error, t, links)];
    panel.replaceChildren(...parts.filter((part) => part !== null));
  });
}

/** @param {Run} run @param {Words} t @param {Links} links @param {() => void} explain */
function alertOf(run, t, links, explain) {
  if (run.status === "ok") return null;
  const { error } = run;
  const first = run.findings.find((finding) => finding.severity === "error") ?? null;
  const line = error?.line ?? (run.status === "killed" ? run.last_line : null);
  const sentence = first && t.has(`finding.${first.code}`) ? t(`finding.${first.code}`, first.params) : "";
  return h(
    "div",
    { class: "alert", role: "alert" },
    h("p", { class: "alert-head" }, h("b", {}, error ? error.type : run.limit ? t("status.killed", { limit: limitText(run.limit, t) }) : t("status.killed_plain")), line !== null && line !== undefined && lineLink(line, t, links)),
    error && error.message && h("p", { class: "message" }, error.message),
    sentence && !(error?.message && sentence.includes(error.message)) && h("p", { class: "sentence" }, sentence, " ", h("button", { type: "button", class: "link", onclick: explain }, t("tab.explain"))),
  );
}

/** What the editor marks: the exception, or the line on which a limit stopped the run. @param {Run} run @param {Words} t */
export function failure(run, t) {
  if (run.error?.line || !run.limit || !run.last_line) return run.error;
  return { type: run.limit.name, message: limitText(run.limit, t), line: run.last_line, column: null, end_column: null, traceback: [] };
}

/** The limit with its number, in the unit a reader thinks in. @param {{ name: string, value: number }} limit @param {Words} t */
export function limitText(limit, t) {
  const key = `limit.${limit.name}`;
  if (!t.has(key)) return t("limit.other", { name: limit.name, value: limit.value });
  return t(key, { value: limit.name.endsWith("_bytes") ? inBytes(limit.value) : limit.value });
}

/** @param {number} value */
const inBytes = (value) => (value >= 2 ** 20 ? `${Math.round(value / 2 ** 20)} MiB` : `${Math.round(value / 2 ** 10)} KiB`);

/** @param {Run} run @param {Words} t */
function printed(run, t) {
  if (!run.output.text) return run.error ? [] : [h("p", { class: "nothing-here" }, t("output.none"))];
  const note = run.output.truncated ? h("p", { class: "note" }, t("output.truncated")) : null;
  return [note, h("pre", { class: "output", tabindex: 0, "aria-label": t("output.title") }, run.output.text)];
}

/** @param {SnippetError} error @param {Words} t @param {Links} links */
function traceback(error, t, links) {
  if (error.traceback.length === 0) return null;
  const frames = error.traceback.map((frame) => h("li", {}, lineLink(frame.line, t, links), h("span", { class: "faint" }, " ", t("output.in", { function: frame.function })), h("code", {}, frame.text)));
  return h("section", {}, h("h4", {}, t("output.traceback")), h("ol", { class: "traceback" }, ...frames));
}
