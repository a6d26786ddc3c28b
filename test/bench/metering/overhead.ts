/**
 * How much slower metered kernels are: `node test/bench/metering/overhead.ts [rounds]`. All variants of a kernel live
 * in one process and are run in turn; the mean of the fastest eighth of the runs counts. "same" is the unmetered module
 * compiled a second time: what differs from 1.00 there is noise.
 */
import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import { rewriteModule } from "../../../worker/execution/metering/rewrite.ts";
import { compileKernels, KERNELS } from "./kernels.ts";

const ROUNDS = Number(process.argv[2] ?? 40);
const POLICY = { memoryPages: 1_024, tableElements: 65_536, callDepth: 10_240 };
const IMPORTS = {
  env: {
    abort() {
      throw new Error("the kernel aborted");
    },
  },
};

type Kernel = (size: number) => number;
type Variant = Record<string, Kernel>;

function instantiate(bytes: Uint8Array<ArrayBuffer>): Variant {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), IMPORTS);
  const fuel = exports[METERING_EXPORTS.fuel];
  if (fuel instanceof WebAssembly.Global) fuel.value = 2n ** 60n;
  const start = exports[METERING_EXPORTS.start];
  if (typeof start === "function") start();
  return exports as Variant;
}

function metered(bytes: Uint8Array, policy: object): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat([...rewriteModule(bytes, { ...POLICY, ...policy }).chunks]));
}

function fastest(times: number[]): number {
  const best = times.toSorted((left, right) => left - right).slice(0, Math.max(1, Math.floor(times.length / 8)));
  return best.reduce((sum, time) => sum + time, 0) / best.length;
}

function measure(kernel: string, variants: Record<string, Variant>): Record<string, number> {
  const times: Record<string, number[]> = {};
  const size = KERNELS[kernel] ?? 0;
  for (let round = 0; round < ROUNDS + 3; round++) {
    const order = Object.keys(variants).toSorted(() => Math.random() - 0.5);
    for (const name of order) {
      const start = performance.now();
      variants[name]?.[kernel]?.(size);
      if (round >= 3) (times[name] ??= []).push(performance.now() - start);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, fastest(list)]));
}

const source = await compileKernels();
const variants: Record<string, Variant> = {
  plain: instantiate(source),
  same: instantiate(source),
  register: instantiate(metered(source, {})),
  global: instantiate(metered(source, { backend: "global" })),
};

const ratios: Record<string, number[]> = {};
for (const kernel of Object.keys(KERNELS)) {
  const result = measure(kernel, variants);
  const plain = result["plain"] ?? 1;
  const line = Object.entries(result).map(([name, time]) => `${name} ${(time / plain).toFixed(3)}`);
  for (const [name, time] of Object.entries(result)) (ratios[name] ??= []).push(time / plain);
  process.stdout.write(`${kernel.padEnd(12)} ${plain.toFixed(2).padStart(7)} ms  ${line.slice(1).join("  ")}\n`);
}
for (const [name, list] of Object.entries(ratios)) {
  const mean = Math.exp(list.reduce((sum, ratio) => sum + Math.log(ratio), 0) / list.length);
  process.stdout.write(`${name.padEnd(12)} geometric mean ${mean.toFixed(3)}  worst ${Math.max(...list).toFixed(3)}\n`);
}
