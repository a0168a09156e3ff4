// Running the snippet: one run at a time, with a clock, a way to cancel, and an answer for every way to fail.
import { Refusal, evaluate } from "./api.js";
import { one } from "./dom.js";
import { number, seconds } from "./format.js";
import { limitText } from "./output.js";
/** @import { Run, State, Store, Words } from "./types.d.ts" */

/** @param {Store} store @param {Words} t @param {() => string} read @param {(run: Run) => void} show */
export function createRunner(store, t, read, show) {
  const button = /** @type {HTMLButtonElement} */ (one("#run"));
  const limit = Number(one("main").dataset["wallSeconds"] ?? 10);
  /** @type {AbortController | null} */
  let running = null;

  async function run() {
    if (running) return;
    const code = read();
    if (code.trim() === "") return settle("empty", t("status.empty"));
    const mine = (running = new AbortController());
    const started = performance.now();
    const tick = () => say(t("status.running", { seconds: ((performance.now() - started) / 1000).toFixed(1), limit }));
    label("run.cancel");
    store.set({ state: "running" });
    tick();
    const clock = setInterval(tick, 100);
    try {
      const result = await evaluate(code, mine.signal);
      show(result);
      settle(stateOf(result), summary(result, t));
    } catch (problem) {
      if (mine.signal.aborted) settle("cancelled", t("status.cancelled"));
      else refuse(problem);
    } finally {
      clearInterval(clock);
      running = null;
      label("run.button");
    }
  }

  /** @param {unknown} problem */
  function refuse(problem) {
    if (!(problem instanceof Refusal)) console.error(problem);
    const refusal = problem instanceof Refusal ? problem : new Refusal("answer");
    if (refusal.code === "offline") return settle("offline", t("banner.offline"));
    return settle("problem", problemText(refusal, t));
  }

  /** @param {State} state @param {string} text */
  function settle(state, text) {
    say(text);
    store.set({ state });
  }

  /** @param {"run.button" | "run.cancel"} key */
  function label(key) {
    one("[data-label]", button).textContent = t(key);
    button.classList.toggle("cancelling", key === "run.cancel");
  }

  const cancel = () => running?.abort();
  button.addEventListener("click", (event) => {
    event.preventDefault();
    if (running) cancel();
    else void run();
  });
  return { run, cancel, refuse, settle };
}

/** The status line. Its clock ticks unheard: only the start and the end are announced. @param {string} text */
function say(text) {
  const status = one("#status");
  if (status.textContent !== text) status.textContent = text;
}

/** @param {Run} run @returns {State} */
export function stateOf(run) {
  if (run.status !== "ok") return "error";
  const drawn = run.graphs.find((graph) => graph.id === run.picture?.graph);
  return drawn && drawn.nodes.length > 150 ? "big" : "done";
}

/** @param {Run} run @param {Words} t */
export function summary(run, t) {
  const time = seconds(run.timings.run_ms + run.timings.capture_ms);
  if (run.status === "killed") return run.limit ? t("status.killed", { limit: limitText(run.limit, t) }) : t("status.killed_plain");
  if (run.error) return t(run.error.line === null ? "status.error_plain" : "status.error", { type: run.error.type, line: run.error.line, seconds: time });
  const ids = new Set(run.graphs.flatMap((graph) => graph.nodes.map((node) => node.id)));
  return t("status.done", {
    seconds: time,
    nodes: t.count("count.nodes", ids.size),
    gradients: t.count("count.gradients", run.tensors.filter((tensor) => tensor.grad).length),
    findings: t.count("count.findings", run.findings.length),
  });
}

/** @param {Refusal} refusal @param {Words} t */
function problemText({ code, problem }, t) {
  const key = `problem.${code}`;
  if (!t.has(key)) return [problem.title, problem.detail].filter(Boolean).join(". ") || t("problem.internal");
  return t(key, { limit: number(problem.limit), retry_after: number(problem.retry_after ?? 1) });
}
