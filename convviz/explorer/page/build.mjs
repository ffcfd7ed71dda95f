// Builds ../static/explorer.js and explorer.css; with an argument, into that folder instead.
import { build } from "esbuild";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const into = process.argv[2] ?? join(here, "..", "static");
const shared = { bundle: true, minify: true, legalComments: "none", charset: "utf8", logLevel: "warning" };

await build({
  ...shared,
  entryPoints: [join(here, "src/main.ts")],
  outfile: join(into, "explorer.js"),
  format: "iife",
  globalName: "convviz", // the page calls convviz.mount(element, data)
  target: "es2022",
});
await build({ ...shared, entryPoints: [join(here, "src/style.css")], outfile: join(into, "explorer.css") });
