import path from "node:path";
import { logProgress } from "../../scripts/progress.ts";
import { buildPlugins, type BuiltPlugin } from "../conformance/build.ts";
import { readCaseFile, readPluginCases } from "../conformance/cases.ts";
import { type ConformanceWorker, startConformanceWorker } from "../conformance/conformance-worker.ts";
import { textOf } from "../conformance/judge.ts";
import { readKernel } from "../conformance/node-host.ts";
import { bundleProgram } from "../conformance/programs.ts";
import { sandboxCall } from "../support/guests/sandbox-call.ts";
import { rewritten } from "./guests.ts";
import { fastest, type Figure, type HostTimes } from "./statistics.ts";

/** What a new instance for each call costs, by plugin of the conformance suite: an 8-byte `echo`, in an isolate with both hosts. */

const ROUNDS = 12;

export async function instanceFigures(root: string): Promise<Figure[]> {
  const suite = path.join(root, "test/conformance");
  const shared = (await readCaseFile(path.join(suite, "cases.json"))).cases;
  const all = await readPluginCases(path.join(suite, "plugins"), shared);
  // What a compiler made: the plugins in the text format ask about corners.
  const selected = all.filter(({ name, functions }) => functions.has("echo") && !name.startsWith("wat-"));
  const { built } = await buildPlugins(root, selected, logProgress);
  const program = await bundleProgram(root, "test/bench/host-worker/one-plugin.ts");
  const kernel = await readKernel(root);
  const worker = await startConformanceWorker(root);
  try {
    const figures: Figure[] = [];
    for (const plugin of built) {
      figures.push(await measure(worker, { "program.js": program, "kernel.wasm": kernel }, plugin));
    }
    return figures;
  } finally {
    await worker.stop();
  }
}

async function measure(
  worker: ConformanceWorker,
  modules: Readonly<Record<string, string | Uint8Array>>,
  { name, module, language }: BuiltPlugin,
): Promise<Figure> {
  const all = { ...modules, "plugin.wasm": module, "metered.wasm": rewritten(module) };
  const isolate = await worker.load(`instances-${name}`, "InstanceBench", all);
  const [outcome] = await isolate.call(
    [sandboxCall("echo", { input: "12345678", config: { rounds: String(ROUNDS) } })],
    "in turn",
  );
  const times = JSON.parse(textOf(outcome?.output)) as HostTimes; // our own program's
  const note = `${language}, ${Math.ceil(module.length / 1024)} KiB; in one that is kept ${show(times.oursKept)}; reference host ${show(times.reference)}, with an instance that is kept ${show(times.referenceKept)}`;
  return { name: `${name}: a call in a new instance`, found: fastest(times.ours) * 1000, unit: "us", note };
}

function show(times: readonly number[]): string {
  if (times.length === 0) return "impossible";
  const microseconds = fastest(times) * 1000;
  return `${microseconds.toFixed(microseconds < 100 ? 1 : 0)} us`;
}
