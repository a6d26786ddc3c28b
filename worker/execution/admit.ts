import type { Issue } from "../../sdk/contract/errors.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import type { SandboxFailure } from "../../sdk/contract/sandbox.ts";

/** What one call may lower; nobody can raise a limit by asking. */
export interface CallOptions {
  readonly fuel?: number | undefined;
  readonly timeoutMs?: number | undefined;
}

export type Admission =
  { readonly limits: Limits } | { readonly issues: readonly Issue[] } | { readonly failure: SandboxFailure };

/**
 * Decides whether a call may run and under which limits.
 *
 * @param limits      limits of the install
 * @param options     what the caller asks for, per call
 * @param inputBytes  size of the input
 */
export function admit(limits: Limits, options: CallOptions, inputBytes: number): Admission {
  const issues = [
    ...raised("/options/fuel", options.fuel, limits.fuel),
    ...raised("/options/timeoutMs", options.timeoutMs, limits.wallClock),
  ];
  if (issues.length > 0) return { issues };
  if (inputBytes > limits.input) {
    return {
      failure: {
        code: "INPUT_TOO_LARGE",
        detail: `The input has ${inputBytes} bytes; the limit is ${limits.input}.`,
        limit: { name: "input", used: inputBytes, allowed: limits.input },
      },
    };
  }
  return {
    limits: { ...limits, fuel: options.fuel ?? limits.fuel, wallClock: options.timeoutMs ?? limits.wallClock },
  };
}

function raised(path: string, asked: number | undefined, allowed: number): Issue[] {
  if (asked === undefined || asked <= allowed) return [];
  return [{ path, message: `must be at most ${allowed}, the install's limit; found ${asked}` }];
}

/** Memory of one isolate that instances may reserve together: 128 MiB less the host program and buffers. */
export const ISOLATE_MEMORY_BUDGET = 96 * 1024 * 1024;

/**
 * Chooses the isolate copy ("lane") for one more call, so that reservations never exceed an isolate's memory. A plugin
 * that cannot suspend finishes one call before the next begins, so it reserves its memory once and needs one lane.
 *
 * @param reserved  bytes reserved in each open lane
 * @param bytes     what this call reserves
 * @returns index of the lane; may be one past the last open lane
 */
export function chooseLane(reserved: readonly number[], bytes: number): number {
  const lane = reserved.findIndex((taken) => taken === 0 || taken + bytes <= ISOLATE_MEMORY_BUDGET);
  return lane === -1 ? reserved.length : lane;
}
