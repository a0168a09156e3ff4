// Bundles CodeMirror and d3-zoom into two committed files, with the licences of all that is in them. The same
// package-lock gives the same bytes: `npm run build` writes them, `npm run build:check` fails when they are stale.
import { readFile, readdir, writeFile } from "node:fs/promises";
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
    metafile: true,
    write: false,
  });
  const packages = Object.keys(result.metafile.inputs).flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  return { text: result.outputFiles[0]?.text ?? "", packages };
}

/** @param {string} name */
async function licence(name) {
  const folder = here(`../../node_modules/${name}/`);
  const { version, license } = JSON.parse(await readFile(`${folder}package.json`, "utf8"));
  const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
  const text = file ? await readFile(`${folder}${file}`, "utf8") : "";
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}

const editor = await bundle("editor");
const zoom = await bundle("zoom");
const packages = [...new Set([...editor.packages, ...zoom.packages])].sort();
const licences = (await Promise.all(packages.map(licence))).join(`\n${"-".repeat(80)}\n\n`);
const files = { "editor.js": editor.text, "zoom.js": zoom.text, "THIRD_PARTY.txt": licences };

const stale = [];
for (const [name, text] of Object.entries(files)) {
  const path = here(`../vendor/${name}`);
  if (!process.argv.includes("--check")) await writeFile(path, text);
  else if ((await readFile(path, "utf8").catch(() => "")) !== text) stale.push(name);
}
if (stale.length > 0) {
  console.error(`Not what the sources give, run \`npm run build\`: ${stale.join(", ")}`);
  process.exitCode = 1;
}
