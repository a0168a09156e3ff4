// Keys that work anywhere on the page, the help that lists them, and the switch of colours.
import { one } from "./dom.js";

/** @param {{ run(): void, cancel(): void, code(): void, graph(): void, details(): void, deselect(): void }} page */
export function listenForKeys(page) {
  const dialog = /** @type {HTMLDialogElement} */ (one("#keys"));
  one("#shortcuts").addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || dialog.open) return;
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, .cm-content") !== null;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) page.run();
    else if (event.key === "Escape") (page.cancel(), typing || page.deselect());
    else if (event.altKey && event.key === "1") page.code();
    else if (event.altKey && event.key === "2") page.graph();
    else if (event.altKey && event.key === "3") page.details();
    else if (event.key === "?" && !typing) dialog.showModal();
    else return;
    event.preventDefault();
  });
}

/** @param {(key: string) => string} t */
export function createTheme(t) {
  const button = one("#theme");
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset["theme"] ?? (system.matches ? "dark" : "light")) === "dark";
  const name = () => {
    const label = t(dark() ? "nav.theme.light" : "nav.theme.dark");
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  button.addEventListener("click", () => {
    root.dataset["theme"] = dark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset["theme"]);
    } catch {
      // storage is switched off: the choice lasts as long as the page
    }
    name();
  });
  system.addEventListener("change", name);
  name();
}
