import { spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { build } from "./build.ts";
import { logProgress } from "./progress.ts";

/** `npm test [-- vitest arguments]`: builds what tests need, runs them, and closes with one line of totals. */

interface Totals {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly success: boolean;
}

async function runVitest(root: string, report: string, args: readonly string[]): Promise<number> {
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const child = spawn(process.execPath, [vitest, "run", ...reporters, ...args], { cwd: root, stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

const root = path.resolve(import.meta.dirname, "..");
const report = path.join(root, "dist/test-report.json");
await build({ root, log: logProgress });
await rm(report, { force: true });
process.exitCode = await runVitest(root, report, process.argv.slice(2));
const totals = JSON.parse(await readFile(report, "utf8")) as Totals; // vitest's own report format
// A file that cannot be loaded fails no test, but fails the run.
const failed = Math.max(totals.numFailedTests, totals.success ? 0 : 1);
process.stdout.write(`${totals.numPassedTests} passed, ${failed} failed, ${totals.numPendingTests} skipped\n`);
