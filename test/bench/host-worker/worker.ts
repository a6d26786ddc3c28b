import { createPlugin } from "@extism/extism";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";
import { KernelPool } from "../../../worker/execution/sandbox/kernel-pool.ts";
import { describePlugin, type PluginModule } from "../../../worker/execution/sandbox/plugin-module.ts";
import { standAlone } from "../../../worker/execution/sandbox/plugin-package.ts";
import { runCall } from "../../../worker/execution/sandbox/run-call.ts";
import type { HostTimes } from "../statistics.ts";
import kernel from "../../../worker/execution/sandbox/kernel.generated.wasm";
import echo from "../../../dist/guests/echo.wasm";
import greet from "../../../dist/guests/greet.wasm";
import echoRewritten from "../../../dist/bench/echo.wasm";
import greetRewritten from "../../../dist/bench/greet.wasm";
import { CONTEXT } from "../../support/guests/call-context.ts";

/**
 * Our host and the reference host in one isolate, in turn. Both make a new instance for each call: the reference host mixes up
 * callers that share one. Ours runs the metered module under all limits, the reference the module as compiled.
 */

const JOBS = {
  echo: { original: echo, rewritten: describePlugin(echoRewritten), bytes: 65_536, calls: 40 },
  greet: { original: greet, rewritten: describePlugin(greetRewritten), bytes: 8, calls: 200 },
} as const;

function callOf(input: Uint8Array): SandboxCall {
  return {
    executionId: "bench",
    functionName: "run",
    input,
    config: {},
    limits: DEFAULT_LIMITS,
    logLevel: 2,
    now: 0,
    randomSeed: new Uint8Array(32),
    context: CONTEXT,
  };
}

const kernels = new KernelPool(kernel);

async function runOurs(plugin: PluginModule, input: Uint8Array): Promise<Uint8Array> {
  const parts = { kernels, plugin: standAlone(plugin), clock: () => Date.now(), sleep: () => Promise.resolve() };
  const outcome = await runCall(parts, callOf(input));
  if (!outcome.output) throw new Error(outcome.failure?.detail ?? "no output");
  return outcome.output;
}

async function runReference(module: WebAssembly.Module, input: Uint8Array): Promise<Uint8Array> {
  const plugin = await createPlugin({ wasm: [{ module }] }, { useWasi: false });
  const output = await plugin.call("run", input);
  if (!output) throw new Error("no output");
  return output.bytes();
}

async function perCall(calls: number, run: () => Promise<Uint8Array>): Promise<number> {
  const start = performance.now();
  for (let call = 0; call < calls; call++) await run();
  return (performance.now() - start) / calls;
}

async function measure(name: keyof typeof JOBS, rounds: number): Promise<HostTimes> {
  const { original, rewritten, bytes, calls } = JOBS[name];
  const input = new Uint8Array(bytes).fill(97);
  const times: HostTimes = { ours: [], reference: [] };
  const same = [await runOurs(rewritten, input), await runReference(original, input)].map((output) => output.join());
  if (same[0] !== same[1]) throw new Error(`the hosts disagree on ${name}`);
  for (let round = 0; round < rounds; round++) {
    times.ours.push(await perCall(calls, () => runOurs(rewritten, input)));
    times.reference.push(await perCall(calls, () => runReference(original, input)));
  }
  return times;
}

// The runtime finds a worker's handlers in its default export.
// oxlint-disable-next-line import/no-default-export
export default {
  async fetch(request: Request): Promise<Response> {
    const query = new URL(request.url).searchParams;
    const name = query.get("job") === "greet" ? "greet" : "echo";
    return Response.json(await measure(name, Number(query.get("rounds") ?? 20)));
  },
} satisfies ExportedHandler;
