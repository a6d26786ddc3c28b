/**
 * `node [V8 flags] tier-fuel.ts <kernels.wasm>`: prints what every program and kernel answers and takes, as JSON. Run with one
 * of V8's two compilers switched off, it says what the other one comes to.
 */
import { readFileSync } from "node:fs";
import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import { KERNELS } from "../../bench/metering/kernels.ts";
import { Guest, PLENTY } from "./guest.ts";
import { IMPORTS, PROGRAMS } from "./programs.ts";

/** Share of the size that a bench uses: enough to be compiled by the optimising compiler where that is on. */
const SHARE = 0.1;

/** Results are numbers, several of them in an array. */
function text(value: unknown): string {
  return [value]
    .flat()
    .map((item) => (typeof item === "bigint" ? `${item}n` : String(Number(item))))
    .join();
}

const figures: Record<string, string> = {};
for (const [name, source, values] of PROGRAMS) {
  for (const policy of [{}, { backend: "global" as const }]) {
    const { value, error, state, used } = new Guest(`(module ${source})`, IMPORTS, policy).call("f", values);
    figures[`${name}, ${policy.backend ?? "chosen"} form`] = `${error ?? text(value)} ${state} ${used}`;
  }
}
const kernels = new Guest(
  new Uint8Array(readFileSync(process.argv[2] ?? "")),
  { env: { abort() {} } },
  { memoryPages: 1_024 },
);
if (METERING_EXPORTS.start in kernels.exports) kernels.call(METERING_EXPORTS.start);
for (const [name, size] of Object.entries(KERNELS)) {
  const { value, state, used } = kernels.call(name, [Math.ceil(size * (name === "fib" ? 1 : SHARE))], PLENTY, 10_240);
  figures[name] = `${text(value)} ${state} ${used}`;
}
// A budget that ends in the middle: the state of memory and fuel at that instruction is the same too.
for (const name of Object.keys(KERNELS)) {
  const { state, used } = kernels.call(name, [KERNELS[name] ?? 0], 1_000_000n, 10_240);
  figures[`${name}, out of fuel`] = `${state} ${used}`;
}
process.stdout.write(JSON.stringify(figures));
