// The page's composition root: builds every part once and joins them through the store.
import { showBanners } from "./banners.js";
import { one } from "./dom.js";
import { keepDraft, readDraft } from "./draft.js";
import { createExamples, createNotice } from "./examples.js";
import { showFindings } from "./explain.js";
import { createDrawing } from "./drawing.js";
import { showGradients } from "./gradients.js";
import { showNode } from "./inspector.js";
import { failure, showOutput } from "./output.js";
import { plainEditor } from "./plain.js";
import { createRunner, stateOf, summary } from "./runner.js";
import { createTheme, listenForKeys } from "./shortcuts.js";
import { createStore } from "./store.js";
import { showStrip } from "./strip.js";
import { createPanes, createTabs } from "./tabs.js";
import { waitForSandbox } from "./boot.js";
import { loadWords } from "./words.js";
/** @import { Editor, Run } from "./types.d.ts" */

const language = document.documentElement.lang;
const t = await loadWords(language);
const store = createStore();
const notice = createNotice();
const showPane = createPanes();
const area = /** @type {HTMLTextAreaElement} */ (one("textarea[name=code]"));
let untouched = area.value;

/** @type {Editor} */
let editor = plainEditor(area, {
  run: () => void runner.run(),
  edited: () => edited(),
  caret: () => {},
});

const links = {
  /** @param {number} line */
  line(line) {
    showPane("code");
    editor.goTo(line);
    store.set({ line });
  },
  /** @param {number} graph @param {number} node */
  node(graph, node) {
    drawing.choose(graph);
    store.set({ node, line: store.now.graph?.lineOf.get(node) ?? null, tab: "node" });
    drawing.reveal(node);
  },
};

const drawing = createDrawing(store, t, language, links);
const runner = createRunner(store, t, () => editor.read(), show);
showBanners(store, t, { retry: () => void runner.run(), table: drawing.table, choose: drawing.choose });
showNode(store, t, links);
showGradients(store, t, links);
showOutput(store, t, links, () => store.set({ tab: "explain" }));
showFindings(store, t, links, () => editor, (text, undo) => notice(text, undo ? t("examples.undo") : "", () => editor.undo()));
showStrip(store, t);
createTabs(store);
createTheme(t);

/** A finished run is shown: its panels at once, its picture as soon as it is there. @param {Run} run */
function show(run) {
  const kept = run.graphs.length === 0 && run.status !== "ok" && store.now.drawn !== null;
  const mine = editor.read() === run.code;
  store.set({ run, node: null, line: null, edited: !mine, tab: tabFor(run) });
  if (!kept) drawing.show(run);
  if (mine) mark(run);
}

/** @param {Run} run */
function mark(run) {
  const counts = store.now.drawn === run ? store.now.graph?.nodesOfLine : undefined;
  editor.mark(new Map([...(counts ?? [])].map(([line, nodes]) => [line, nodes.length])));
  editor.showError(failure(run, t));
}

/** @param {Run} run */
function tabFor(run) {
  if (run.status !== "ok") return "output";
  return store.now.tab === "node" || store.now.tab === "output" ? "gradients" : store.now.tab;
}

function edited() {
  const code = editor.read();
  keepDraft(code, untouched);
  store.set({ edited: store.now.run !== null && code !== store.now.run.code });
}

createExamples(({ title: titles, code }) => {
  const title = titles[language] ?? titles["en"] ?? "";
  const before = editor.read();
  const lost = before !== untouched && before.trim() !== "";
  untouched = code;
  editor.replace(code);
  if (lost) notice(t("examples.opened", { title }), t("examples.undo"), () => (editor.replace(before), notice(t("examples.undone"))));
  else notice("");
  history.replaceState(null, "", location.pathname);
  void runner.run();
}, runner.refuse);

listenForKeys({
  run: () => void runner.run(),
  cancel: runner.cancel,
  code: () => (showPane("code"), editor.focus()),
  graph: () => (showPane("graph"), drawing.focus()),
  details: () => (showPane("details"), one(`#tab-${store.now.tab}`).focus()),
  deselect: () => store.set({ node: null, line: null }),
});
store.watch(["line"], ({ line }) => editor.highlight(line, true));
store.watch(["graph"], ({ drawn, run }) => drawn && drawn === run && editor.read() === run.code && mark(run));
store.watch(["node"], ({ node }) => node !== null && matchMedia("(max-width: 759px)").matches && showPane("details"));
store.watch(["state"], ({ state }) => {
  one("main").dataset["state"] = state;
  one("#stage").setAttribute("aria-busy", String(state === "running"));
});

/** What the server has rendered becomes live. */
function begin() {
  const first = document.querySelector("#first-run")?.textContent;
  /** @type {Run | null} */
  const run = first ? JSON.parse(first) : null;
  const draft = readDraft();
  const restored = draft !== null && draft !== area.value && one("main").dataset["source"] !== "form";
  if (run) {
    store.set({ run, tab: tabFor(run), edited: restored });
    drawing.adopt(run);
  }
  const state = run ? stateOf(run) : /** @type {import("./types.d.ts").State} */ (one("main").dataset["state"]);
  runner.settle(state, run ? summary(run, t) : one("#status").textContent ?? "");
  if (!restored) return;
  editor.replace(draft);
  notice(`${t("draft.restored")} ${t("draft.run")}`, t("draft.discard"), () => editor.replace(untouched));
}

/** The editor comes last: the page is of use before it. */
async function enhance() {
  const { createEditor } = await import("./editor.js");
  const plain = editor;
  editor = createEditor(area, { run: () => void runner.run(), edited, caret: (line) => store.set({ line, node: line === null ? null : store.now.node }) }, t);
  const { run } = store.now;
  if (run && plain.read() === run.code) mark(run);
}

one("#legend").toggleAttribute("open", one("#stage").clientHeight > 380);
begin();
await enhance();
waitForSandbox(() => store.now.state === "empty" && editor.read() === untouched);
