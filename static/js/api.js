// Asking the server. Every way of failing becomes a Refusal with a code of the catalogue.
/** @import { Example, Picture, Problem, Run } from "./types.d.ts" */

export class Refusal extends Error {
  /** @param {string} code @param {Partial<Problem>} [problem] */
  constructor(code, problem = {}) {
    super(problem.detail ?? code);
    this.code = code;
    this.problem = problem;
  }
}

/** @param {string} code @param {AbortSignal} signal @returns {Promise<Run>} */
export async function evaluate(code, signal) {
  const answer = await ask("/api/v1/runs", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ code, options: { picture: true } }),
    signal,
  });
  return json(answer);
}

/**
 * @param {string} run
 * @param {{ graph: number, detail: string, direction: string, lang: string }} view
 * @param {AbortSignal} signal
 * @returns {Promise<Picture>}
 */
export async function picture(run, view, signal) {
  const query = new URLSearchParams({ ...view, graph: String(view.graph) });
  const answer = await ask(`/api/v1/runs/${encodeURIComponent(run)}/picture.json?${query}`, { signal });
  return json(answer);
}

/** @returns {Promise<Example[]>} */
export async function examples() {
  return json(await ask("/api/v1/examples", {}));
}

/** @param {string} url @param {RequestInit} options */
async function ask(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refusal("offline");
  }
  if (answer.ok) return answer;
  if (!answer.headers.get("content-type")?.includes("json")) throw new Refusal(answer.status >= 502 ? "offline" : "internal");
  /** @type {Problem} */
  const problem = await json(answer);
  throw new Refusal(problem.code ?? "internal", problem);
}

/** @param {Response} answer */
async function json(answer) {
  const text = await answer.text().catch((error) => {
    if (error instanceof DOMException) throw error;
    throw new Refusal("offline");
  });
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal("answer");
  }
}
