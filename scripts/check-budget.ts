import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";

/**
 * Compares the worker's bundle, as the dry-run deploy wrote it, with the committed budget. Budgets only fall: with
 * `--lower` a smaller bundle becomes the new budget; a larger one is always refused.
 */
const root = path.resolve(import.meta.dirname, "..");
const file = path.join(root, "budgets.json");
/** Room for builds that differ by a few bytes between machines. */
const SLACK = 1.02;

/** Start-up time is in the same file and measured by `npm run bench`: a build cannot be timed reliably. */
interface Budgets {
  bundleBytes: number;
  bundleGzipBytes: number;
}

const output = path.join(root, "dist/deploy");
const modules = (await readdir(output)).filter((name) => /\.(js|wasm)$/.test(name));
const contents = await Promise.all(modules.map((name) => readFile(path.join(output, name))));
const found: Budgets = {
  bundleBytes: contents.reduce((sum, content) => sum + content.length, 0),
  bundleGzipBytes: contents.reduce((sum, content) => sum + gzipSync(content).length, 0),
};
const allowed = JSON.parse(await readFile(file, "utf8")) as Budgets; // our own file
let exceeded = false;
for (const name of ["bundleBytes", "bundleGzipBytes"] as const) {
  const over = found[name] > allowed[name] * SLACK;
  exceeded ||= over;
  process.stdout.write(`${name}: ${found[name]} of ${allowed[name]}${over ? "  EXCEEDED" : ""}\n`);
}
if (exceeded) {
  process.stderr.write("The bundle grew past budgets.json. Make it smaller; budgets are not raised.\n");
  process.exitCode = 1;
} else if (process.argv.includes("--lower")) {
  const lowered = Object.fromEntries(
    Object.entries(allowed).map(([name, value]) => [
      name,
      name in found ? Math.min(value, found[name as keyof Budgets]) : value,
    ]), // Object.entries loses the key type
  );
  await writeFile(file, `${JSON.stringify(lowered, undefined, 2)}\n`);
}
