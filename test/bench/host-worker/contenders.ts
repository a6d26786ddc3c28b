import { createPlugin, type Plugin } from "@extism/extism";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";
import { GuestPool } from "../../../worker/execution/sandbox/guest-pool.ts";
import type { KernelPool } from "../../../worker/execution/sandbox/kernel-pool.ts";
import type { PluginModule } from "../../../worker/execution/sandbox/plugin-module.ts";
import { standAlone } from "../../../worker/execution/sandbox/plugin-package.ts";
import { runCall } from "../../../worker/execution/sandbox/run-call.ts";
import { CONTEXT } from "../../support/guests/call-context.ts";

/** Both hosts, ready to call, and the clock. */

/** Milliseconds that a round of one contender takes at least: the clock may stand still for one. */
const ROUND_MS = 30;
/** Calls between two looks at the clock. */
const CALLS_PER_LOOK = 4;

function callOf(functionName: string, input: Uint8Array): SandboxCall {
  return {
    executionId: "bench",
    functionName,
    input,
    config: {},
    limits: DEFAULT_LIMITS,
    logLevel: 2,
    now: 0,
    randomSeed: new Uint8Array(32),
    context: CONTEXT,
  };
}

/**
 * One call of our host, which makes an instance for it.
 *
 * @param keptIn  where the instance is kept for the next call instead
 */
export async function callOurs(
  kernels: KernelPool,
  plugin: PluginModule,
  functionName: string,
  input: Uint8Array,
  keptIn?: GuestPool,
): Promise<Uint8Array> {
  const guests = keptIn ?? new GuestPool(kernels);
  const parts = { guests, plugin: standAlone(plugin), clock: () => Date.now(), sleep: () => Promise.resolve() };
  const call = callOf(functionName, input);
  const outcome = await runCall(parts, keptIn ? { ...call, keepFor: "bench@1" } : call);
  if (!outcome.output) throw new Error(outcome.failure?.detail ?? "no output");
  return outcome.output;
}

/** A plugin object of the reference host, with an instance that lasts as long as it. */
export function openReference(module: WebAssembly.Module): Promise<Plugin> {
  const useWasi = WebAssembly.Module.imports(module).some((entry) => entry.module === "wasi_snapshot_preview1");
  return createPlugin({ wasm: [{ module }] }, { useWasi });
}

export async function callReference(plugin: Plugin, functionName: string, input: Uint8Array): Promise<Uint8Array> {
  const output = await plugin.call(functionName, input);
  return output?.bytes() ?? new Uint8Array();
}

/** Milliseconds per call, over as many calls as a round has time for. */
async function perCall(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let calls = 0;
  let elapsed = 0;
  while (elapsed < ROUND_MS) {
    for (let call = 0; call < CALLS_PER_LOOK; call++) await run();
    calls += CALLS_PER_LOOK;
    elapsed = performance.now() - start;
  }
  return elapsed / calls;
}

/**
 * Runs all contenders in turn, round after round, after two rounds that do not count.
 *
 * @returns milliseconds per call, one value per round
 */
export async function inTurn<Name extends string>(
  rounds: number,
  contenders: Readonly<Record<Name, () => Promise<unknown>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[]; // the record's own
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = -2; round < rounds; round++) {
    for (const name of names) {
      const time = await perCall(contenders[name]);
      if (round >= 0) times[name].push(time);
    }
  }
  return times;
}
