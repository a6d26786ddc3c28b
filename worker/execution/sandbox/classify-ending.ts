import type { Limits } from "../../../sdk/contract/limits.ts";
import type { FuelState } from "../../../sdk/contract/metering-abi.ts";
import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import type { HostFailure } from "../../../sdk/contract/user-functions.ts";
import { quoteName } from "./text.ts";

/** Everything known about how the guest ended. */
export interface Ending {
  /** The entry that was running, or ran last. */
  readonly entry: string;
  /** False where an entry before the function ended the call. */
  readonly reachedFunction: boolean;
  /** What the entry threw, undefined where it returned. */
  readonly thrown: { readonly error: unknown } | undefined;
  readonly returned: unknown;
  /** Why the host stopped the guest, undefined where it did not. */
  readonly stopped: SandboxFailure | undefined;
  /** Code given to `proc_exit`. */
  readonly exitCode: number | undefined;
  readonly fuel: FuelState;
  /** Text of the last `error_set` not cleared, at most 4 KiB. */
  readonly guestError: string | undefined;
  /** Why the last capability call was not served, where that was no fault of the plugin. */
  readonly unserved: HostFailure | undefined;
  /** Linear memory in bytes, 0 where the module exports none; and the last growth of it that was refused. */
  readonly memory: { readonly bytes: number; readonly refusedBytes: number };
  readonly kernel: { readonly usedBytes: number; readonly refusedBytes: number };
  /** Bytes of output that exist, and the length the guest gave. */
  readonly output: { readonly bytes: number; readonly requested: number };
}

type Rule = (ending: Ending, limits: Limits) => SandboxFailure | undefined;

/** In order of precedence; the first that applies decides. Limits come first, so that no guest can hide one behind an error. */
const RULES: readonly Rule[] = [
  ({ stopped }) => stopped,
  fuelExhausted,
  callDepthExceeded,
  memoryExceeded,
  kernelMemoryExceeded,
  gaveUpUnserved,
  errorReported,
  trapped,
  exited,
  returnedCode,
  outputTooLarge,
];

/** @returns the failure of a call, undefined where it succeeded */
export function classifyEnding(ending: Ending, limits: Limits): SandboxFailure | undefined {
  for (const rule of RULES) {
    const failure = rule(ending, limits);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

function fuelExhausted({ fuel, entry }: Ending, { fuel: allowed }: Limits): SandboxFailure | undefined {
  if (fuel !== "exhausted") return undefined;
  return {
    code: "FUEL_EXHAUSTED",
    detail: `The plugin used up its fuel of ${allowed} units in ${quoteName(entry)}.`,
    limit: { name: "fuel", used: allowed, allowed },
  };
}

/** The rewritten module counts its frames; the engine's own stack limit stands behind that count. */
function callDepthExceeded({ fuel, entry, thrown }: Ending, { callDepth }: Limits): SandboxFailure | undefined {
  if (fuel !== "depth" && !isStackOverflow(thrown?.error)) return undefined;
  return {
    code: "CALL_DEPTH_EXCEEDED",
    detail: `The plugin's calls in ${quoteName(entry)} are nested deeper than the limit of ${callDepth} stack units.`,
    limit: { name: "callDepth", used: callDepth, allowed: callDepth },
  };
}

/** A guest that reports the shortage itself has handled it. One that dies of it has not. */
function memoryExceeded(ending: Ending, { memory: allowed }: Limits): SandboxFailure | undefined {
  const { memory, guestError, exitCode } = ending;
  const died = isTrap(ending) || (exitCode !== undefined && exitCode !== 0);
  if (memory.refusedBytes === 0 || guestError !== undefined || !died) return undefined;
  const used = memory.bytes + memory.refusedBytes;
  return {
    code: "MEMORY_EXCEEDED",
    detail: `The plugin was refused ${memory.refusedBytes} bytes of linear memory and failed: it would use ${used} bytes; the limit is ${allowed}.${lastWords(ending)}`,
    limit: { name: "memory", used, allowed },
  };
}

/** A refused allocation alone is no failure; with one, any failure is put down to it, lost output included. */
function kernelMemoryExceeded(ending: Ending, { kernelMemory: allowed }: Limits): SandboxFailure | undefined {
  const { kernel, output } = ending;
  if (kernel.refusedBytes === 0) return undefined;
  const failed =
    ending.thrown !== undefined ||
    ending.guestError !== undefined ||
    (typeof ending.returned === "number" && ending.returned !== 0) ||
    output.bytes < output.requested;
  if (!failed) return undefined;
  const used = kernel.usedBytes + kernel.refusedBytes;
  return {
    code: "KERNEL_MEMORY_EXCEEDED",
    detail: `The plugin was refused ${kernel.refusedBytes} bytes for its input, output and variables and failed: it would use ${used} bytes; the limit is ${allowed}.${lastWords(ending)}`,
    limit: { name: "kernelMemory", used, allowed },
  };
}

/** A plugin that fails right after it was refused is not at fault. One that went on to use other capabilities is. */
function gaveUpUnserved(ending: Ending): SandboxFailure | undefined {
  const { unserved } = ending;
  if (unserved === undefined) return undefined;
  const own = errorReported(ending) ?? trapped(ending) ?? exited(ending) ?? returnedCode(ending);
  if (own?.code !== "PLUGIN_ERROR" && own?.code !== "PLUGIN_TRAPPED") return undefined;
  const { exitCode } = own;
  return {
    code: unserved.code,
    detail: `${unserved.message} The plugin gave up: ${own.detail}`,
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

function errorReported(ending: Ending): SandboxFailure | undefined {
  if (ending.guestError === undefined) return undefined;
  const trap = isTrap(ending) ? ` (then it trapped in ${quoteName(ending.entry)}: ${messageOf(ending.thrown)})` : "";
  const code = codeOf(ending);
  return {
    code: "PLUGIN_ERROR",
    detail: `${ending.guestError}${trap}`,
    ...(code === undefined || code === 0 ? {} : { exitCode: code }),
  };
}

function trapped(ending: Ending): SandboxFailure | undefined {
  const { entry, thrown } = ending;
  if (thrown === undefined || ending.exitCode !== undefined) return undefined;
  if (isTrap(ending)) {
    return { code: "PLUGIN_TRAPPED", detail: `The plugin trapped in ${quoteName(entry)}: ${messageOf(thrown)}.` };
  }
  // Host functions keep their own faults apart, so only the engine's conversion of their results is left.
  return {
    code: "PLUGIN_LOAD_FAILED",
    detail: `The plugin declares an import with another result type than the host function has (in ${quoteName(entry)}).`,
  };
}

function exited({ exitCode, entry, reachedFunction }: Ending): SandboxFailure | undefined {
  if (exitCode === undefined || (exitCode === 0 && reachedFunction)) return undefined;
  return { code: "PLUGIN_ERROR", detail: `The plugin exited with code ${exitCode} in ${quoteName(entry)}.`, exitCode };
}

function returnedCode({ entry, returned }: Ending): SandboxFailure | undefined {
  if (returned === undefined || returned === 0) return undefined;
  if (typeof returned !== "number" || !Number.isInteger(returned)) {
    return {
      code: "FUNCTION_NOT_FOUND",
      detail: `The export ${quoteName(entry)} returns something other than one i32; only () -> () and () -> i32 can be called.`,
    };
  }
  return { code: "PLUGIN_ERROR", detail: `Returned non-zero exit code: ${returned}`, exitCode: returned };
}

function outputTooLarge({ output }: Ending, { output: allowed }: Limits): SandboxFailure | undefined {
  if (output.bytes <= allowed) return undefined;
  return {
    code: "OUTPUT_TOO_LARGE",
    detail: `The output has ${output.bytes} bytes; the limit is ${allowed}.`,
    limit: { name: "output", used: output.bytes, allowed },
  };
}

/** A trap of the guest, or an exception it threw and nobody caught. */
function isTrap({ thrown, exitCode }: Ending): boolean {
  return thrown !== undefined && exitCode === undefined && isGuestFault(thrown.error);
}

function isGuestFault(error: unknown): boolean {
  return (
    error instanceof WebAssembly.RuntimeError ||
    Object.prototype.toString.call(error) === "[object WebAssembly.Exception]"
  );
}

function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes("call stack");
}

function messageOf(thrown: Ending["thrown"]): string {
  return thrown?.error instanceof WebAssembly.RuntimeError ? thrown.error.message : "uncaught exception";
}

function codeOf({ exitCode, returned }: Ending): number | undefined {
  return exitCode ?? (typeof returned === "number" ? returned : undefined);
}

function lastWords(ending: Ending): string {
  if (ending.guestError !== undefined) return ` Its own report: ${ending.guestError}`;
  return isTrap(ending) ? ` It ended with: ${messageOf(ending.thrown)}.` : "";
}
