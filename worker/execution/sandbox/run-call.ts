import type { SandboxCall, SandboxFailure, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import type { HostBridge } from "../../../sdk/contract/user-functions.ts";
import { CapabilityCalls } from "./capability-calls.ts";
import { classifyEnding, type Ending } from "./classify-ending.ts";
import { type EntryPoint, entryPoints } from "./entry-points.ts";
import { FuelMeter } from "./fuel-meter.ts";
import { GuestControl } from "./guest-control.ts";
import type { Guest } from "./guest.ts";
import type { GuestPool } from "./guest-pool.ts";
import { hostFunctions } from "./host-functions.ts";
import { promiseIntegration } from "./jspi.ts";
import { connectModules, instantiateModules, memoryBytes } from "./guest-modules.ts";
import { CallLog } from "./logs.ts";
import type { PluginPackage } from "./plugin-package.ts";
import { userFunctions } from "./user-functions.ts";
import { GuestClock, NANOSECONDS_PER_MILLISECOND } from "./wasi/clock.ts";
import type { Wasi } from "./wasi/preview1.ts";

/** What the isolate has and a call needs. Compiled modules are shared by calls; an instance serves one at a time. */
export interface SandboxParts {
  readonly guests: GuestPool;
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
  readonly guest: Guest;
  readonly meter: FuelMeter;
  readonly control: GuestControl;
  readonly log: CallLog;
  /** Of the modules that use it. */
  readonly wasi: readonly Wasi[];
  readonly capabilities: CapabilityCalls;
  readonly suspends: boolean;
  readonly attached: SandboxParts["attached"];
}

/**
 * Runs one call in an instance of the plugin that no other call uses meanwhile: a new one, unless the call's install keeps one.
 *
 * @param bridge  how the call's capabilities reach the worker
 * @returns what happened; a guest's failure is an outcome
 * @throws whatever failed in the host itself or in the engine, where the isolate should be replaced
 */
export async function runCall(parts: SandboxParts, call: SandboxCall, bridge?: HostBridge): Promise<SandboxOutcome> {
  const { guests, clock, plugin } = parts;
  const guest = guests.take(plugin, call, clock());
  const time = new GuestClock(call.now, uptimeOf(guest, call.now));
  const session = openSession(guest, parts, { call, clock: time, bridge });
  const result = await runWith(session, plugin);
  guest.uptime = time.uptime;
  guests.giveBack(guest, call, result.failure === undefined && !session.control.ended, clock());
  return call.keepFor === undefined ? result : { ...result, instanceCall: guest.calls };
}

/** For an instance used before, time has passed since it was made; its monotonic clock never runs back. */
function uptimeOf({ madeFor, uptime }: Guest, now: number): bigint {
  const passed = BigInt(Math.trunc(now) - Math.trunc(madeFor.now)) * NANOSECONDS_PER_MILLISECOND;
  return passed > uptime ? passed : uptime;
}

interface Given {
  readonly call: SandboxCall;
  /** The guest's time. */
  readonly clock: GuestClock;
  readonly bridge: HostBridge | undefined;
}

function openSession(guest: Guest, parts: SandboxParts, { call, clock, bridge }: Given): Session {
  const {
    sleep,
    attached,
    plugin: { plugin },
  } = parts;
  const { kernel, modules, variables } = guest;
  const meter = new FuelMeter(call.limits);
  const control = new GuestControl(meter, call.limits, parts.clock);
  const log = new CallLog(call.limits.logs);
  const capabilities = new CapabilityCalls({ kernel, control, bridge, sleep });
  const shared = { call, kernel, control, log, capabilities };
  const sources = {
    control,
    host: plugin.usesHost ? hostFunctions({ ...shared, variables }) : undefined,
    user: plugin.usesUser ? userFunctions({ ...shared, context: call.context }) : undefined,
  };
  const wasi = connectModules(modules, sources, { call, control, log, clock, sleep });
  return { call, guest, meter, control, log, wasi, capabilities, suspends: plugin.suspends, attached };
}

async function runWith(session: Session, { links }: PluginPackage): Promise<SandboxOutcome> {
  const { call, guest, meter } = session;
  const tooLarge = inputFailure(session);
  if (tooLarge !== undefined) return outcome(session, tooLarge);
  const isNew = guest.exports === undefined;
  const loaded =
    guest.exports === undefined
      ? instantiateModules(guest.modules, links, guest.kernel, session.attached)
      : { exports: guest.exports, initialisers: [] };
  if ("failure" in loaded) return outcome(session, loaded.failure);
  guest.exports = loaded.exports;
  if (!meter.attach(loaded.exports)) {
    return outcome(session, { code: "PLUGIN_LOAD_FAILED", detail: "The plugin's module has no fuel counter." });
  }
  const found = entryPoints(loaded.exports, call.functionName);
  if ("failure" in found) return outcome(session, found.failure);

  // Initialisers run once in an instance.
  const entries = isNew ? [...loaded.initialisers, ...found.entries] : found.entries.slice(-1);
  const ending = await enterAll(session, entries);
  return outcome(session, classifyEnding(ending, call.limits));
}

function inputFailure({ call, guest: { kernel } }: Session): SandboxFailure | undefined {
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
  guest: { kernel, modules },
  meter,
  control,
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
  const { call, guest, meter, control, log, wasi } = session;
  const { kernel, modules } = guest;
  for (const streams of wasi) streams.flush();
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
    ...(failure === undefined && call.variables ? { variables: guest.variables.changes() } : {}),
  };
}
