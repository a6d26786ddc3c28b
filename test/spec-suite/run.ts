/**
 * `npm run spec-suite [-- folder …]`: runs the official WebAssembly test suite before and after rewriting and compares
 * every outcome. Without a folder it fetches the suite's translated scripts (`--obtain`: that only); a folder is one of
 * `.wast` files, such as a checkout of the suite. `WASM_TOOLS` names a module that exports wasm-tools, for text that
 * nothing here assembles.
 */
import { obtainSuite } from "./obtain.ts";
import { compareFolder, type FolderComparison } from "./scripts.ts";

const MOST_SHOWN = 200;

function report({ files, forms }: FolderComparison): void {
  for (const [form, { commands, same, notRun, refused, differences }] of forms) {
    const counts = `${commands} commands, ${same} the same, ${differences.length} different, ${notRun} not run`;
    process.stdout.write(`${form}: ${files} files, ${counts}\n`);
    for (const [feature, count] of refused) process.stdout.write(`  ${count} need what is refused: ${feature}\n`);
    for (const { file, at, before, after } of differences.slice(0, MOST_SHOWN)) {
      process.stdout.write(`  ${file} #${at}: ${before} => ${after}\n`);
    }
    if (differences.length > 0) process.exitCode = 1;
  }
}

const given = process.argv.slice(2);
const onlyObtain = given.includes("--obtain");
const folders = given.length > 0 && !onlyObtain ? given : [await obtainSuite()];
for (const folder of onlyObtain ? [] : folders) {
  process.stdout.write(`${folder}\n`);
  report(await compareFolder(folder));
}
