import type { SandboxCall, SandboxFailure, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import type { HostBridge } from "../../../sdk/contract/user-functions.ts";
import { CapabilityCalls } from "./capability-calls.ts";
import { classifyEnding, type Ending } from "./classify-ending.ts";
import { type EntryPoint, entryPoints } from "./entry-points.ts";
import { FuelMeter } from "./fuel-meter.ts";
import { GuestControl } from "./guest-control.ts";
import { hostFunctions } from "./host-functions.ts";
import { promiseIntegration } from "./jspi.ts";
import type { Kernel } from "./kernel.ts";
import type { KernelPool } from "./kernel-pool.ts";
import { type GuestModule, instantiateModules, memoryBytes, openModules } from "./guest-modules.ts";
import type { ImportSources } from "./link-imports.ts";
import { CallLog } from "./logs.ts";
import type { PluginModule } from "./plugin-module.ts";
import type { PluginPackage } from "./plugin-package.ts";
import { userFunctions } from "./user-functions.ts";
import { Variables } from "./variables.ts";

/** What the isolate has and a call needs. Compiled modules are shared by calls; the plugin's instances never are. */
export interface SandboxParts {
  readonly kernels: KernelPool;
  readonly plugin: PluginPackage;
  /** Milliseconds; used for the deadline only, the guest's clock is the call's. */
  readonly clock: () => number;
  /** Resolves after so many milliseconds, or never once the signal says so. */
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** Told of each of the plugin's instances before anything of them runs. */
  readonly attached?: (exports: WebAssembly.Exports) => void;
}

/** All state of one call. */
interface Session {
  readonly call: SandboxCall;
  readonly kernel: Kernel;
  readonly meter: FuelMeter;
  readonly control: GuestControl;
  readonly log: CallLog;
  readonly modules: readonly GuestModule[];
  readonly capabilities: CapabilityCalls;
  readonly suspends: boolean;
  readonly attached: SandboxParts["attached"];
}

/**
 * Runs one call in a new instance of the plugin, with a kernel of its own.
 *
 * @param bridge  how the call's capabilities reach the worker
 * @returns what happened; a guest's failure is an outcome
 * @throws whatever failed in the host itself or in the engine, where the isolate should be replaced
 */
export async function runCall(parts: SandboxParts, call: SandboxCall, bridge?: HostBridge): Promise<SandboxOutcome> {
  const kernel = parts.kernels.take(call.limits.kernelMemory);
  const result = await runWith(openSession(kernel, parts, call, bridge), parts.plugin);
  parts.kernels.giveBack(kernel);
  return result;
}

function openSession(
  kernel: Kernel,
  { plugin, clock, sleep, attached }: SandboxParts,
  call: SandboxCall,
  bridge: HostBridge | undefined,
): Session {
  const meter = new FuelMeter(call.limits);
  const control = new GuestControl(meter, call.limits, clock);
  const log = new CallLog(call.limits.logs);
  const modules = openModules(plugin, { call, control, log, sleep });
  const capabilities = new CapabilityCalls({ kernel, control, bridge, sleep });
  return { call, kernel, meter, control, log, modules, capabilities, suspends: plugin.plugin.suspends, attached };
}

async function runWith(session: Session, { plugin, links }: PluginPackage): Promise<SandboxOutcome> {
  const { call, meter, modules } = session;
  const tooLarge = inputFailure(session);
  if (tooLarge !== undefined) return outcome(session, tooLarge);
  const loaded = instantiateModules(modules, links, importSources(session, plugin), session.attached);
  if ("failure" in loaded) return outcome(session, loaded.failure);
  if (!meter.attach(loaded.exports)) {
    return outcome(session, { code: "PLUGIN_LOAD_FAILED", detail: "The plugin's module has no fuel counter." });
  }
  const found = entryPoints(loaded.exports, call.functionName);
  if ("failure" in found) return outcome(session, found.failure);

  const ending = await enterAll(session, [...loaded.initialisers, ...found.entries]);
  return outcome(session, classifyEnding(ending, call.limits));
}

function importSources(session: Session, plugin: PluginModule): Omit<ImportSources, "wasi" | "linker"> {
  const { call, kernel, control } = session;
  return {
    kernel,
    control,
    host: plugin.usesHost ? hostFunctions({ ...session, variables: new Variables() }) : undefined,
    user: plugin.usesUser ? userFunctions({ ...session, context: call.context }) : undefined,
  };
}

function inputFailure({ call, kernel }: Session): SandboxFailure | undefined {
  const { input, limits } = call;
  const used = input.byteLength;
  if (used > limits.input) {
    const detail = `The input has ${used} bytes; the limit is ${limits.input}.`;
    return { code: "INPUT_TOO_LARGE", detail, limit: { name: "input", used, allowed: limits.input } };
  }
  if (kernel.setInput(input)) return undefined;
  const allowed = limits.kernelMemory;
  const detail = `The input of ${used} bytes does not fit the limit of ${allowed} bytes for input, output and variables.`;
  return { code: "KERNEL_MEMORY_EXCEEDED", detail, limit: { name: "kernelMemory", used, allowed } };
}

/** Runs the entries in order until one does not simply return. */
async function enterAll(session: Session, entries: readonly EntryPoint[]): Promise<Ending> {
  const last = entries.at(-1);
  for (const entry of entries) {
    const result = await enter(session, entry);
    const { control, meter } = session;
    if (control.crash !== undefined) throw control.crash.error;
    if (entry === last || result.thrown !== undefined || meter.state() !== "ok" || control.ended) {
      return { ...result, ...observe(session), entry: entry.name, reachedFunction: entry === last };
    }
  }
  throw new Error("A call has at least one entry.");
}

/** The function itself is the last entry; what an initialiser returns is not a code. */
async function enter({ meter, suspends }: Session, entry: EntryPoint): Promise<Pick<Ending, "thrown" | "returned">> {
  meter.restoreDepth();
  try {
    const returned = suspends
      ? await promiseIntegration().promising(entry.run)(...entry.parameters)
      : entry.run(...entry.parameters);
    return { thrown: undefined, returned };
  } catch (error) {
    return { thrown: { error }, returned: undefined };
  }
}

function observe({
  kernel,
  meter,
  control,
  modules,
  capabilities,
}: Session): Omit<Ending, "entry" | "reachedFunction" | "thrown" | "returned"> {
  return {
    stopped: control.failure,
    exitCode: control.exitCode,
    fuel: meter.state(),
    guestError: kernel.readError(),
    unserved: capabilities.lastFailure,
    memory: { bytes: memoryBytes(modules), refusedBytes: meter.refusedBytes() },
    kernel: { usedBytes: kernel.heapBytes(), refusedBytes: kernel.refusedBytes() },
    output: kernel.outputLength(),
  };
}

function outcome(session: Session, failure: SandboxFailure | undefined): SandboxOutcome {
  const { kernel, meter, control, log, modules } = session;
  for (const { wasi } of modules) wasi?.flush();
  return {
    output: failure === undefined ? kernel.readOutput() : undefined,
    failure,
    usage: {
      fuel: meter.used(),
      memoryBytes: memoryBytes(modules) + kernel.heapBytes(),
      hostCalls: control.hostCalls,
    },
    logs: log.lines,
    logsTruncated: log.truncated,
  };
}
