import { ERRORS, PlatformError, type ErrorCode } from "../../sdk/contract/errors.ts";
import type { Fallback } from "../../sdk/contract/hooks.ts";
import type { SandboxFailure } from "../../sdk/contract/sandbox.ts";
import type { Invocation, PluginEvent } from "./invoke.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * What stands in where a plain call of an install fails: a value, or another plugin, as the operator declared. Used for every failure
 * that is not the caller's own, made or refused: whoever refuses a call before it is made (a circuit breaker) throws a
 * PlatformError and gets the same.
 */

/** What stood in, and for what. */
export interface StoodIn {
  /** `value`, or the plugin that answered. */
  readonly by: string;
  /** Of the call that failed. */
  readonly code: ErrorCode;
  readonly detail: string;
  /** Execution that failed; absent where none was made. */
  readonly executionId?: string;
}

/** How a call ended. `invocation` is absent where none was made and a value stands in. */
export interface Answered {
  readonly invocation: Invocation | undefined;
  readonly standIn?: StoodIn & { readonly output: Uint8Array };
}

/** How the call is made: `invoke`, or what surrounds it. */
export type Call = (event: PluginEvent) => Promise<Invocation>;

/** The output; undefined where the call failed and nothing stands in. */
export function outputOf({ invocation, standIn }: Answered): Uint8Array | undefined {
  if (standIn) return standIn.output;
  if (!invocation || invocation.outcome.failure) return undefined;
  return invocation.outcome.output ?? new Uint8Array();
}

type Failed = { readonly failure: SandboxFailure; readonly invocation: Invocation | undefined };

/** Plugins that are asked one after the other, each where the one before fails and names the next. */
const MOST_STAND_INS = 3;

/**
 * Makes a call, and answers with what stands in where it fails.
 *
 * @throws {PlatformError} as `invoke` does, where nothing stands in
 */
export async function invokeWithFallback(snapshot: Snapshot, event: PluginEvent, call: Call): Promise<Answered> {
  const made = await attempt(call, event);
  if (!("failure" in made)) return { invocation: made };
  return (await applyFallback(snapshot, event, made, call)) ?? unanswered(made);
}

/** A call that was refused is thrown again, one that was made and failed is its outcome. */
function unanswered({ invocation, refused }: Failed & { readonly refused?: PlatformError }): Answered {
  if (refused) throw refused;
  return { invocation };
}

/**
 * What the install of a failed call declared to stand in.
 *
 * @returns undefined where nothing does: none is declared, the failure is the caller's own, or what is declared failed too
 */
export async function applyFallback(
  snapshot: Snapshot,
  event: PluginEvent,
  failed: Failed,
  call: Call,
): Promise<Answered | undefined> {
  const { code, detail } = failed.failure;
  if (ERRORS[code].blame === "caller") return undefined;
  const executionId = failed.invocation?.record.id;
  const original = { code, detail, ...(executionId === undefined ? {} : { executionId }) };
  const asked = new Set([event.pluginId]);
  let fallback = fallbackOf(snapshot, event.pluginId);
  while (fallback && asked.size <= MOST_STAND_INS) {
    if ("value" in fallback) {
      const output = bytesOf(fallback.value);
      return { invocation: failed.invocation, standIn: { ...original, by: "value", output } };
    }
    const { plugin } = fallback;
    if (asked.has(plugin)) return undefined;
    asked.add(plugin);
    const made = await attempt(call, standInEvent(event, fallback));
    if (!("failure" in made)) {
      const output = made.outcome.output ?? new Uint8Array();
      return { invocation: made, standIn: { ...original, by: plugin, output } };
    }
    fallback = fallbackOf(snapshot, plugin);
  }
  return undefined;
}

/** The same input for somebody else, whose own limits hold. */
function standInEvent(
  { executionId: _made, ...event }: PluginEvent,
  { plugin, function: functionName }: Extract<Fallback, { readonly plugin: string }>,
): PluginEvent {
  return { ...event, pluginId: plugin, functionName, options: { logLevel: event.options.logLevel } };
}

async function attempt(
  call: Call,
  event: PluginEvent,
): Promise<Invocation | (Failed & { readonly refused?: PlatformError })> {
  try {
    const invocation = await call(event);
    const { failure } = invocation.outcome;
    return failure ? { failure, invocation } : invocation;
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { failure: { code: error.code, detail: error.message }, invocation: undefined, refused: error };
  }
}

function fallbackOf({ installs }: Snapshot, pluginId: string): Fallback | undefined {
  return Object.hasOwn(installs, pluginId) ? installs[pluginId]?.fallback : undefined;
}

/** Text as it is, anything else as JSON. */
function bytesOf(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}
