// The line at the foot of the page: with what, how long, how much.
import { h, one } from "./dom.js";
import { seconds } from "./format.js";
/** @import { Store, Words } from "./types.d.ts" */

/** @param {Store} store @param {Words} t */
export function showStrip(store, t) {
  store.watch(["run", "graph"], ({ run, drawn, graph }) => {
    if (!run) return;
    const counts = graph && drawn === run && `${t.count("count.nodes", graph.graph.nodes.length)}, ${t.count("count.edges", graph.graph.edges.length)}`;
    const parts = [
      run.versions.torch && t("strip.torch", { version: run.versions.torch }),
      t("strip.device"),
      t("strip.times", { seconds: seconds(run.timings.run_ms) }),
      counts,
      t("strip.seed", { seed: run.seed }),
    ];
    one("#strip").replaceChildren(...parts.filter(Boolean).map((part) => h("li", {}, part)));
  });
}
