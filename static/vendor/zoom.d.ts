// Types of the bundle beside this file, for tsc; the browser never asks for it.
export * from "../build/zoom.entry.js";
