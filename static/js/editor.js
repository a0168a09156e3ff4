// CodeMirror over the textarea: same text, same form field, with line marks. Tab leaves it.
import * as cm from "../vendor/editor.js";
import { lineMarks, placesOf, setError, setHighlight, setPlaces } from "./lines.js";
/** @import { Editor, EditorEvents, Words } from "./types.d.ts" */

/** @param {HTMLTextAreaElement} area @param {EditorEvents} events @param {Words} t @returns {Editor} */
export function createEditor(area, events, t) {
  const nonce = document.querySelector("meta[name=csp-nonce]")?.getAttribute("content") ?? "";
  const view = new cm.EditorView({ state: cm.EditorState.create({ doc: area.value, extensions: [extensions(events, t, nonce)] }) });
  const focused = document.activeElement === area;
  area.after(view.dom);
  area.hidden = true;
  area.form?.addEventListener("formdata", (event) => event.formData.set("code", read()));
  if (focused) view.focus();
  const read = () => view.state.doc.toString();
  /** The place in the text of a line of the run. @param {number} line */
  const place = (line) => placesOf(view.state).get(line) ?? null;
  /** @param {string} insert @param {number} from @param {number} to */
  const put = (insert, from, to) => view.dispatch({ changes: { from, to, insert }, userEvent: "input", scrollIntoView: true });

  return {
    read,
    replace: (code) => put(code, 0, view.state.doc.length),
    undo: () => void cm.undo(view),
    focus: () => view.focus(),
    change({ line, kind, text }) {
      const at = place(line);
      const end = line > view.state.doc.lines;
      if (at === null && !end) return false;
      if (at === null) put(`\n${text}`, view.state.doc.length, view.state.doc.length);
      else if (kind === "insert") put(`${text}\n`, at, at);
      else put(text, at, view.state.doc.lineAt(at).to);
      return true;
    },
    mark(counts) {
      view.dispatch({ effects: setPlaces.of(counts) });
    },
    showError(error) {
      const at = error?.line ? place(error.line) : null;
      view.dispatch({ effects: setError.of(at === null ? null : { at, message: error?.message ?? "" }) });
      if (!error || at === null) return view.dispatch(cm.setDiagnostics(view.state, []));
      const line = view.state.doc.lineAt(at);
      const indent = line.text.length - line.text.trimStart().length;
      const from = Math.min(line.from + (error.column ?? indent), Math.max(line.from + indent, line.to - 1));
      const to = error.end_column && error.end_column > (error.column ?? 0) ? Math.min(line.from + error.end_column, line.to) : line.to;
      return view.dispatch(cm.setDiagnostics(view.state, [{ from, to, severity: "error", message: `${error.type}: ${error.message}` }]));
    },
    highlight(line, reveal) {
      const at = line === null ? null : place(line);
      const effects = [setHighlight.of(at), ...(at !== null && reveal ? [cm.EditorView.scrollIntoView(at, { y: "nearest", yMargin: 60 })] : [])];
      view.dispatch({ effects });
    },
    goTo(line, column = 0) {
      const at = place(line);
      if (at === null) return;
      view.dispatch({ selection: { anchor: Math.min(at + column, view.state.doc.lineAt(at).to) }, scrollIntoView: true });
      view.focus();
    },
  };
}

/** @param {EditorEvents} events @param {Words} t @param {string} nonce */
function extensions(events, t, nonce) {
  const run = () => (events.run(), true);
  return [
    cm.EditorView.cspNonce.of(nonce),
    cm.Prec.highest(cm.keymap.of([{ key: "Mod-Enter", run }])),
    cm.keymap.of([...cm.defaultKeymap, ...cm.historyKeymap, ...cm.lintKeymap]),
    cm.history(),
    cm.lineNumbers(),
    lineMarks(t),
    cm.EditorView.lineWrapping, // the column is narrow: better two rows than words out of sight
    cm.highlightSpecialChars(),
    cm.highlightActiveLine(),
    cm.highlightActiveLineGutter(),
    cm.indentOnInput(),
    cm.indentUnit.of("    "),
    cm.EditorState.tabSize.of(4),
    cm.bracketMatching(),
    cm.python(),
    cm.syntaxHighlighting(cm.classHighlighter),
    cm.EditorView.contentAttributes.of({ "aria-label": t("code.label"), tabindex: "0" }),
    cm.EditorView.domEventHandlers({ beforeinput: typeOver }),
    cm.EditorView.updateListener.of((update) => {
      if (update.docChanged) events.edited();
      const moved = update.selectionSet && update.transactions.some((one) => one.isUserEvent("select") || one.isUserEvent("input"));
      if (moved && !update.docChanged) events.caret(runLine(update.state));
    }),
  ];
}

/**
 * Typing over a selection is done here: a browser would keep the look of what it replaces in a style attribute,
 * which the page's policy refuses.
 * @param {InputEvent} event
 * @param {import("../vendor/editor.js").EditorView} view
 */
function typeOver(event, view) {
  if (event.inputType !== "insertText" || event.data === null || view.composing || view.state.selection.main.empty) return false;
  event.preventDefault();
  view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  return true;
}

/** The line of the run on which the caret stands now. @param {import("../vendor/editor.js").EditorState} state */
function runLine(state) {
  const from = state.doc.lineAt(state.selection.main.head).from;
  for (const [line, at] of placesOf(state)) if (at === from) return line;
  return null;
}
