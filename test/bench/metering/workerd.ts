/** What metering costs running code, and how fast modules are rewritten, both inside workerd. */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { build as bundle, type Plugin } from "esbuild";
import { rewriteModule } from "../../../worker/execution/metering/rewrite.ts";
import type { KernelRequest, KernelTimes } from "../kernel-worker/protocol.ts";
import { median, type Figure } from "../statistics.ts";
import { startBenchWorker, type BenchWorker } from "../workers.ts";
import { kernelModules, type KernelModule } from "./kernel-modules.ts";
import { cutTo, realModule, repeated } from "./real-modules.ts";

const POLICY = { memoryPages: 1_024, tableElements: 65_536, callDepth: 10_240, keepNames: true, hideTables: true };
const ROUNDS = 64;
const WARM_ROUNDS = 4;
const MEGABYTE = 1e6;

/** The mean of the fastest eighth: what the code takes when nothing comes in between. */
function fastest(sample: readonly number[]): number {
  const best = sample.toSorted((left, right) => left - right).slice(0, Math.max(1, Math.floor(sample.length / 8)));
  return best.reduce((sum, time) => sum + time, 0) / best.length;
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** The loader gives the runner its modules by their names alone. */
const modulesBesideIt: Plugin = {
  name: "modules-beside-it",
  setup(bundler) {
    bundler.onResolve({ filter: /\.wasm$/ }, (module) => ({ path: `./${path.basename(module.path)}`, external: true }));
  },
};

async function runnerSource(root: string): Promise<string> {
  const { outputFiles } = await bundle({
    entryPoints: [path.join(root, "test/bench/kernel-runner/worker.ts")],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    plugins: [modulesBesideIt],
  });
  return outputFiles[0]?.text ?? "";
}

async function sendKernels(root: string, worker: BenchWorker, name: string, bytes: Uint8Array): Promise<void> {
  const form = new FormData();
  const metered = Buffer.concat([...rewriteModule(bytes, POLICY).chunks]);
  form.append("main.js", await runnerSource(root));
  form.append("plain.wasm", new Blob([Uint8Array.from(bytes)]));
  form.append("metered.wasm", new Blob([Uint8Array.from(metered)]));
  const { ok } = await fetch(`${worker.url}/kernels/${name}`, { method: "PUT", body: form });
  if (!ok) throw new Error(`the kernels of ${name} were not taken`);
}

interface KernelFigure {
  readonly kernel: string;
  readonly ratio: number;
  readonly noise: number;
  readonly milliseconds: number;
}

async function measureModule(root: string, worker: BenchWorker, module: KernelModule): Promise<KernelFigure[]> {
  if ("missing" in module) {
    process.stdout.write(`kernels of ${module.name}: left out, ${module.missing} is not there\n`);
    return [];
  }
  await sendKernels(root, worker, module.name, module.bytes);
  const figures: KernelFigure[] = [];
  for (const [kernel, size] of Object.entries(module.sizes)) {
    const request: KernelRequest = { kernel, size, rounds: ROUNDS };
    const answer = await fetch(`${worker.url}/kernels/${module.name}`, {
      method: "POST",
      body: JSON.stringify(request),
    });
    if (!answer.ok) throw new Error(`kernel ${kernel}: ${await answer.text()}`);
    const { plain, same, metered, calls } = (await answer.json()) as KernelTimes; // our own worker
    const base = fastest(plain);
    figures.push({ kernel, ratio: fastest(metered) / base, noise: fastest(same) / base, milliseconds: base / calls });
  }
  return figures;
}

/** Ratio of the metered kernels' time to that of their unmetered twins, in one isolate, in turn. */
export async function overhead(root: string): Promise<Figure[]> {
  const modules = await kernelModules(path.join(root, "dist/bench/kernels"));
  const worker = await startBenchWorker(root, "kernel-worker", "/");
  try {
    const kernels: KernelFigure[] = [];
    for (const module of modules) kernels.push(...(await measureModule(root, worker, module)));
    const ratios = kernels.map(({ ratio }) => ratio);
    const goals = { mean: { atMost: 1.08 }, median: { atMost: 1.06 }, worst: { atMost: 1.4 } };
    return [
      ...kernels.map(({ kernel, ratio, noise, milliseconds }): Figure => {
        const note = `${milliseconds.toFixed(2)} ms; the same module again ${noise.toFixed(3)}`;
        return { name: `metering, ${kernel}`, found: ratio, unit: "x", note };
      }),
      { name: "metering, geometric mean of the kernels", found: geometricMean(ratios), unit: "x", goal: goals.mean },
      { name: "metering, median", found: median(ratios), unit: "x", goal: goals.median },
      { name: "metering, worst", found: Math.max(...ratios), unit: "x", goal: goals.worst },
    ];
  } finally {
    await worker.stop();
  }
}

/** Fields of /proc/<pid>/stat behind the name, and their unit; see proc(5). */
const USER_TIME = 11;
const SYSTEM_TIME = 12;
const TICK_MS = 10;

interface Consumption {
  /** Most memory that workerd has ever had, in bytes. */
  readonly peak: number;
  /** Processor time of all its threads, milliseconds: other than the clock, it does not see what else the machine does. */
  readonly processor: number;
}

/** What the workerd processes below this one have taken, so far. */
function consumption(): Consumption {
  let most = 0;
  let processor = 0;
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${entry}/cmdline`, "utf8").includes("workerd")) continue;
      if (!isBelow(Number(entry), process.pid)) continue;
      const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${entry}/status`, "utf8"))?.[1];
      most = Math.max(most, Number(peak ?? 0) * 1024);
      const times = readFileSync(`/proc/${entry}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      processor += TICK_MS * (Number(times[USER_TIME]) + Number(times[SYSTEM_TIME]));
    } catch {
      // A process that has ended meanwhile.
    }
  }
  return { peak: most, processor };
}

function isBelow(process_: number, ancestor: number): boolean {
  for (let at = process_; at > 1;) {
    if (at === ancestor) return true;
    at = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${at}/status`, "utf8"))?.[1] ?? 0);
  }
  return false;
}

interface Rewriting {
  readonly times: number[];
  readonly inputBytes: number;
  readonly outputBytes: number;
}

async function rewriteThere(root: string, module: Uint8Array, rounds: number): Promise<Rewriting & Consumption> {
  const worker = await startBenchWorker(root, "kernel-worker", "/");
  try {
    const body = Uint8Array.from(module);
    const before = consumption().processor;
    const answer = await fetch(`${worker.url}/rewrite?rounds=${rounds}`, { method: "POST", body });
    if (!answer.ok) throw new Error(`rewriting: ${await answer.text()}`);
    const done = (await answer.json()) as Rewriting; // our own worker
    const { peak, processor } = consumption();
    return { ...done, peak, processor: processor - before };
  } finally {
    await worker.stop();
  }
}

/**
 * Megabytes in a second of processor time, all threads of the process together: of the first rewriting in a new isolate, and
 * of those after it; growth; and what the process held at most beyond what it holds for the module alone, which is the same
 * request with nothing to do in a process of its own.
 */
async function rewritingOf(root: string, name: string, module: Uint8Array): Promise<Figure[]> {
  const idle = await rewriteThere(root, module, 0);
  const once = await rewriteThere(root, module, 1);
  const more = await rewriteThere(root, module, 1 + WARM_ROUNDS);
  const speed = (milliseconds: number): number => module.length / MEGABYTE / (milliseconds / 1_000);
  const first = once.processor - idle.processor;
  const warm = (more.processor - once.processor) / WARM_ROUNDS;
  const growth = once.outputBytes / once.inputBytes;
  return [
    { name: `rewriting ${name}, first time`, found: speed(first), unit: "MB/s", goal: { atLeast: 20 } },
    { name: `rewriting ${name}, warm`, found: speed(warm), unit: "MB/s", goal: { atLeast: 30 } },
    {
      name: `rewriting ${name}, memory beyond the module`,
      found: (once.peak - idle.peak) / MEGABYTE,
      unit: "MB",
      goal: { atMost: 25 },
    },
    { name: `rewriting ${name}, growth`, found: growth, unit: "x", goal: { atMost: 1.45 } },
  ];
}

export async function rewriting(root: string): Promise<Figure[]> {
  const library = await realModule("library");
  return [
    ...(await rewritingOf(root, "5 MB of C++", cutTo(library, 5 * MEGABYTE))),
    ...(await rewritingOf(root, "30 MB of C++", repeated(library, 3))),
  ];
}
