import { spawn } from "node:child_process";
import path from "node:path";

/**
 * `npm run conformance [-- --check] [--only <plugin>] [--plugins <folder>]`: runs test/conformance. `--check` compares
 * docs/conformance.md instead of writing it; a folder of plugins has one folder per plugin, with plugin.wasm and cases.json.
 * `CONFORMANCE_REQUIRE_ALL=1` makes a missing compiler a failure. Plugins wait by promise integration, which Node has behind
 * a flag.
 */
const suite = path.resolve(import.meta.dirname, "../test/conformance/run.ts");
const child = spawn(process.execPath, ["--experimental-wasm-jspi", suite, ...process.argv.slice(2)], {
  stdio: "inherit",
});
child.once("exit", (code) => {
  process.exitCode = code ?? 1;
});
