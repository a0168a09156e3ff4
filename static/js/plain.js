// The plain textarea as an editor: what there is until CodeMirror has loaded, or when it cannot be.
/** @import { Editor, EditorEvents } from "./types.d.ts" */

/** @param {HTMLTextAreaElement} area @param {EditorEvents} events @returns {Editor} */
export function plainEditor(area, events) {
  area.addEventListener("input", events.edited);
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    events.run();
  });
  let before = area.value;
  const put = (/** @type {string} */ code) => {
    before = area.value;
    area.value = code;
    events.edited();
  };
  return {
    read: () => area.value,
    replace: put,
    undo: () => put(before),
    change(fix) {
      const lines = area.value.split("\n");
      if (fix.line > lines.length + 1) return false;
      lines.splice(fix.line - 1, fix.kind === "replace" ? 1 : 0, fix.text);
      put(lines.join("\n"));
      return true;
    },
    focus: () => area.focus(),
    mark() {},
    showError() {},
    highlight() {},
    goTo(line) {
      const lines = area.value.split("\n");
      const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
      area.focus();
      area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    },
  };
}
