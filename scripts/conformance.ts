import { spawn } from "node:child_process";
import path from "node:path";

/**
 * `npm run conformance [-- --check] [--only <plugin>] [--plugins <folder>]`: runs test/conformance. `--check` compares
 * docs/conformance.md instead of writing it; a folder of plugins has one folder per plugin, with plugin.wasm and cases.json.
 * `CONFORMANCE_REQUIRE_ALL=1` makes a missing compiler a failure. Node has two features of workerd behind flags: promise
 * integration, by which plugins wait, and today's form of exceptions.
 */
const suite = path.resolve(import.meta.dirname, "../test/conformance/run.ts");
const flags = ["--experimental-wasm-jspi", "--experimental-wasm-exnref"];
const child = spawn(process.execPath, [...flags, suite, ...process.argv.slice(2)], {
  stdio: "inherit",
});
child.once("exit", (code) => {
  process.exitCode = code ?? 1;
});
