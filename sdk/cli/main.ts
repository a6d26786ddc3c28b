#!/usr/bin/env node
import process from "node:process";

const NEEDED = [22, 13] as const;
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  process.stderr.write(`error: patchbay needs Node ${NEEDED.join(".")} or later; this is ${process.versions.node}\n`);
  process.exit(2);
}
process.removeAllListeners("warning"); // SQLite and WASI say with every run that they are experimental
const { main } = await import("./program.ts");
await main(process.argv);
