/**
 * `npm run spec-suite [-- folder …]`: runs the official WebAssembly test suite before and after rewriting and compares
 * every outcome. Without a folder it fetches the suite's translated scripts (`--obtain`: that only); a folder is one of
 * `.wast` files, such as a checkout of the suite. `WASM_TOOLS` names a module that exports wasm-tools, for text that wabt does not assemble.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { assembler } from "./assemble-text.ts";
import { compareScript, emptyComparison, FORMS, outcomesBefore, type Comparison, type RunScript } from "./compare.ts";
import { obtainSuite, SUITE_FOLDER } from "./obtain.ts";
import { runRecordedScript } from "./recorded-script.ts";
import { runWastScript } from "./wast-script.ts";

const MOST_SHOWN = 200;

async function scriptsIn(folder: string): Promise<Map<string, RunScript>> {
  const assemble = await assembler(process.env["WASM_TOOLS"] ?? null);
  const scripts = new Map<string, RunScript>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()) {
    const file = path.join(folder, name);
    if (name.endsWith(".wast.js")) {
      scripts.set(name, (host) => runRecordedScript(readFileSync(file, "utf8"), host));
    } else if (name.endsWith(".wast")) {
      scripts.set(name, (host) => runWastScript(readFileSync(file), host, assemble));
    }
  }
  return scripts;
}

function report(form: string, files: number, total: Comparison): void {
  const { commands, same, notRun, refused, differences } = total;
  process.stdout.write(
    `${form}: ${files} files, ${commands} commands, ${same} the same, ${differences.length} different`,
  );
  process.stdout.write(`, ${notRun} not run\n`);
  for (const [feature, count] of refused) process.stdout.write(`  ${count} need what is refused: ${feature}\n`);
  for (const { file, at, before, after } of differences.slice(0, MOST_SHOWN)) {
    process.stdout.write(`  ${file} #${at}: ${before} => ${after}\n`);
  }
}

const given = process.argv.slice(2);
const onlyObtain = given.includes("--obtain");
if (onlyObtain || given.length === 0) await obtainSuite();
const folders = onlyObtain ? [] : given.length === 0 ? [SUITE_FOLDER] : given;
for (const folder of folders) {
  const scripts = await scriptsIn(folder);
  const totals = Object.fromEntries(Object.keys(FORMS).map((form) => [form, emptyComparison()]));
  for (const [name, run] of scripts) {
    const before = outcomesBefore(run);
    for (const [form, policy] of Object.entries(FORMS)) {
      compareScript(name, run, { before, policy }, totals[form] ?? emptyComparison());
    }
  }
  for (const [form, total] of Object.entries(totals)) {
    report(form, scripts.size, total);
    if (total.differences.length > 0) process.exitCode = 1;
  }
}
