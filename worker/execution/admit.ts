import type { Issue } from "../../sdk/contract/errors.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import { payloadFailure } from "../../sdk/contract/payloads/validate-payload.ts";
import type { SandboxFailure, SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import type { Target } from "./resolve.ts";
import type { SnapshotInstall } from "./snapshot.ts";

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

/** The input as a whole; empty where it passes piece by piece, which `streams` says. */
interface Given {
  readonly input: Uint8Array;
  readonly streams?: object;
}

type Checked = Pick<Target, "functionName"> & { readonly install: Pick<SnapshotInstall, "validation" | "streams"> };

/** The failure of an admitted call whose input does not fit its description, where the install asks for it to be checked. */
export function inputRefusal(
  { install: { validation }, functionName }: Checked,
  { input, streams }: Given,
  admission: Admission,
): { readonly failure: SandboxFailure } | undefined {
  if (!validation || streams || !("limits" in admission)) return undefined;
  const failure = payloadFailure(validation, functionName, "input", input);
  return failure && { failure };
}

/** An outcome whose output does not fit its description has failed, where the install asks for it to be checked. */
export function withFittingOutput(
  { install: { validation, streams }, functionName }: Checked,
  outcome: SandboxOutcome,
): SandboxOutcome {
  if (!validation || outcome.failure || streams) return outcome;
  const failure = payloadFailure(validation, functionName, "output", outcome.output);
  return failure ? { ...outcome, output: undefined, failure } : outcome;
}

function raised(path: string, asked: number | undefined, allowed: number): Issue[] {
  if (asked === undefined || asked <= allowed) return [];
  return [{ path, message: `must be at most ${allowed}, the install's limit; found ${asked}` }];
}

/** Memory of one isolate that calls may hold together: 128 MiB less the host program, spare kernels and buffers. */
export const ISOLATE_MEMORY_BUDGET = 96 * 1024 * 1024;
/** Copies of one plugin's isolate that one worker isolate uses at once. Each is an id of its own, billed by the day. */
export const MOST_LANES = 8;

/**
 * What one call may hold of its isolate's memory, in bytes. A plugin that cannot suspend finishes one call before the next
 * begins, so its calls share one reservation, which is not counted.
 *
 * @param inputBytes  size of the input
 */
export function reservationOf(suspends: boolean, limits: Limits, inputBytes: number): number {
  return suspends ? limits.memory + limits.kernelMemory + inputBytes + limits.output : 0;
}

/**
 * Chooses the isolate copy ("lane") for one more call, so that reservations never exceed an isolate's memory. A call that could
 * need more than that by itself runs alone in its lane.
 *
 * @param reserved  bytes reserved in each open lane
 * @param bytes     what this call reserves
 * @returns index of the lane, which may be one past the last open one; undefined where all lanes are full
 */
export function chooseLane(reserved: readonly number[], bytes: number): number | undefined {
  if (bytes === 0) return 0;
  const lane = reserved.findIndex((taken) => taken === 0 || taken + bytes <= ISOLATE_MEMORY_BUDGET);
  if (lane !== -1) return lane;
  return reserved.length < MOST_LANES ? reserved.length : undefined;
}
