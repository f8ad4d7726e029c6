// node run.mjs [--vectors FOLDER] [FILE…]: runs every vector of specs/vectors with this implementation, or those of the files named.
// One line a file; exits 1 at any mismatch, and where a file has no suite here.
import { existsSync, readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Suite, VECTORS, load } from "./src/vectors.mjs";

const { values, positionals } = parseArgs({ options: { vectors: { type: "string" } }, allowPositionals: true });
const folder = values.vectors ? pathToFileURL(`${values.vectors}/`) : VECTORS;
const all = () => readdirSync(folder).filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -5)).sort();

async function whole(name) {
  const module = new URL(`./suites/${name}.mjs`, import.meta.url);
  if (!existsSync(module)) {
    console.log(`${name}: no suite`);
    return false;
  }
  const suite = new Suite(name);
  const { default: run } = await import(module);
  run(suite, load(name, folder));
  console.log(suite.line);
  for (const failure of suite.failures) console.error(failure);
  return suite.cases > 0 && suite.failures.length === 0;
}

for (const name of positionals.length > 0 ? positionals : all()) if (!(await whole(name))) process.exitCode = 1;
