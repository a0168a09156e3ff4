// What must be known about the picture before it is read: one line each, above it.
import { h, one } from "./dom.js";
/** @import { Shown, Store, Words } from "./types.d.ts" */
/** @typedef {{ key: string, text: string, action?: [string, () => void] }} Banner */

/** @param {Store} store @param {Words} t @param {{ retry(): void, table(): void, choose(graph: number): void }} page */
export function showBanners(store, t, page) {
  const holder = one("#banners");
  const draw = () => {
    const banners = bannersOf(store.now, t, page);
    const keys = banners.map(({ key }) => key).join();
    if (holder.dataset["keys"] === keys && keys === "") return;
    holder.dataset["keys"] = keys;
    holder.replaceChildren(...banners.map(({ key, text, action }) => h("p", { class: "banner", "data-banner": key }, h("span", {}, text), action && h("button", { type: "button", class: "link", onclick: action[1] }, action[0]))));
  };
  store.watch(["state", "run", "drawn", "graph", "edited", "failed", "picture"], draw);
  return draw;
}

/** @param {Readonly<Shown>} now @param {Words} t @param {{ retry(): void, table(): void, choose(graph: number): void }} page @returns {Banner[]} */
function bannersOf({ state, run, drawn, graph, edited, failed, picture: latest }, t, page) {
  /** @type {Banner[]} */
  const banners = [];
  if (state === "offline") banners.push({ key: "offline", text: t("banner.offline"), action: [t("run.again"), page.retry] });
  if (!drawn || !graph) return banners;
  const nodes = graph.graph.nodes.length;
  if (run && run !== drawn) banners.push({ key: "last_good", text: t("banner.last_good") });
  else if (drawn.status !== "ok") {
    const line = drawn.error?.line ?? drawn.last_line;
    banners.push({ key: "partial", text: line === null ? t("banner.partial_plain") : t("banner.partial", { line }) });
  } else if (!drawn.graphs.some((one) => one.kind !== "live")) banners.push({ key: "no_backward", text: t("banner.no_backward") });
  const picture = latest?.graph === graph.graph.id ? latest : null;
  const table = /** @type {[string, () => void]} */ ([t("banner.table"), page.table]);
  if (failed) banners.push({ key: "no_picture", text: t("banner.no_picture"), action: [t("run.again"), page.retry] });
  else if (picture && picture.drawn < picture.total) banners.push({ key: "cut", text: t("banner.cut", { drawn: picture.drawn, total: picture.total }), action: table });
  else if (picture?.simplified) banners.push({ key: "simplified", text: t("banner.simplified"), action: table });
  else if (nodes > 150) banners.push({ key: "big", text: t("banner.big", { nodes: t.count("count.nodes", nodes) }), action: table });
  if (Object.values(drawn.truncated).some(Boolean)) banners.push({ key: "truncated", text: t("banner.truncated") });
  const apart = graph.graph.kind === "live" ? undefined : drawn.graphs.find((one) => one.kind === "live" && one.edges.some((edge) => edge.kind === "cut"));
  if (apart && run === drawn) banners.push({ key: "apart", text: t("banner.apart"), action: [t("banner.apart.show"), () => page.choose(apart.id)] });
  if (edited && run === drawn && state !== "running") banners.push({ key: "stale", text: t("banner.stale") });
  return banners;
}
