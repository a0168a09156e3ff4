// Bundles CodeMirror and d3-zoom into two committed files. The same package-lock gives the same bytes:
// `npm run build` writes them, `npm run build:check` fails when the committed ones are not what the sources give.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const banner = "/* Built by `npm run build` from package-lock.json. Licences: THIRD_PARTY.txt beside this file. */";

/** @param {string} name */
async function bundle(name) {
  const result = await build({
    entryPoints: [here(`${name}.entry.js`)],
    absWorkingDir: here("../.."),
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none",
    banner: { js: banner },
    write: false,
  });
  return result.outputFiles[0]?.text ?? "";
}

const stale = [];
for (const name of ["editor", "zoom"]) {
  const path = here(`../vendor/${name}.js`);
  const text = await bundle(name);
  if (!process.argv.includes("--check")) await writeFile(path, text);
  else if ((await readFile(path, "utf8")) !== text) stale.push(path);
}
if (stale.length > 0) {
  console.error(`Not what the sources give, run \`npm run build\`: ${stale.join(", ")}`);
  process.exitCode = 1;
}
