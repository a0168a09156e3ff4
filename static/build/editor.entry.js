// What the page takes from CodeMirror, and nothing else: bundled into static/vendor/editor.js.
export { EditorState, StateEffect, StateField, RangeSet, Prec, Transaction } from "@codemirror/state";
export {
  EditorView,
  Decoration,
  GutterMarker,
  gutter,
  keymap,
  lineNumbers,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
} from "@codemirror/view";
export { defaultKeymap, history, historyKeymap, undo } from "@codemirror/commands";
export { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
export { lintKeymap, setDiagnostics } from "@codemirror/lint";
export { python } from "@codemirror/lang-python";
export { classHighlighter } from "@lezer/highlight";
