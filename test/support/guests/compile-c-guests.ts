import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";

/**
 * Compiles test/fixtures/guests/*.c, each to a .wasm beside it. Run by hand after changing one (`node
 * test/support/guests/compile-c-guests.ts`, with clang, lld and wasi-libc of Debian 12); the results are kept in the
 * repository so that tests need no C compiler.
 */
const FOLDER = path.resolve(import.meta.dirname, "../../fixtures/guests");

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".c"))) {
  const target = path.join(FOLDER, file.replace(/\.c$/, ".wasm"));
  const options = ["--target=wasm32-wasi", "-O2", "-g0", "-mexec-model=reactor", "-Wl,--strip-all"];
  execFileSync("clang", [...options, "-o", target, path.join(FOLDER, file)], { stdio: "inherit" });
}
