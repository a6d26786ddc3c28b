import { PlatformError, type ErrorCode, type Issue } from "../../../sdk/contract/errors.ts";
import { builtInHook, type HookMode } from "../../../sdk/contract/hooks.ts";
import type { HookOffer } from "../../../sdk/contract/offers.ts";
import { permits, type Role } from "../../../sdk/contract/roles.ts";
import type { SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";
import type { Snapshot } from "../../execution/snapshot.ts";

/** Decisions of a hook's run that need no plugin. */

/** How a call ended, or why there was none. */
export type Ending =
  | { readonly invocation: { readonly record: ExecutionRecord; readonly outcome: SandboxOutcome } }
  | { readonly refused: PlatformError };

/** How one function of the hook ended. `replaced`: it failed, and its fallback stands in. `skipped`: it was not run. */
export type StepStatus = "succeeded" | "replaced" | "failed" | "skipped";

export interface Step {
  readonly offer: HookOffer;
  readonly status: StepStatus;
  /** JSON value; undefined where the function answered nothing, or none was used. */
  readonly output: unknown;
  readonly failure: { readonly code: ErrorCode; readonly detail: string } | undefined;
  /** Fallback included. */
  readonly durationMs: number;
  readonly fuel: number;
  readonly executionId: string | undefined;
  /** What stood in: `value`, or the plugin's id. */
  readonly fallback: string | undefined;
}

/** Functions of a hook that run, in their order. */
export function offersFor(snapshot: Snapshot, hook: string): readonly HookOffer[] {
  const hooks = snapshot.offers?.hooks ?? {};
  return ((Object.hasOwn(hooks, hook) ? hooks[hook] : undefined) ?? []).filter(({ disabled }) => !disabled);
}

/**
 * Whoever runs a hook needs what the catalogue and every function that would run ask for.
 *
 * @throws {PlatformError} PERMISSION_DENIED
 */
export function requireAccess(hook: string, offers: readonly HookOffer[], roles: readonly Role[]): void {
  const spec = builtInHook(hook);
  const demands = [...(spec ? [{ ...spec, pluginId: undefined }] : []), ...offers];
  for (const { permission, roles: wanted, pluginId } of demands) {
    const by = pluginId === undefined ? "The hook" : `The plugin "${pluginId}"`;
    if (permission && !permits(roles, permission)) {
      throw new PlatformError(
        "PERMISSION_DENIED",
        `${by} demands the permission "${permission}" of who runs ${hook}.`,
        {
          members: { permission, hook, ...(pluginId === undefined ? {} : { pluginId }) },
        },
      );
    }
    if (wanted && !wanted.some((role) => roles.includes(role))) {
      throw new PlatformError(
        "PERMISSION_DENIED",
        `${by} demands one of the roles ${wanted.join(", ")} of who runs ${hook}.`,
        {
          members: { roles: wanted, hook, ...(pluginId === undefined ? {} : { pluginId }) },
        },
      );
    }
  }
}

/** The mode that was asked for, else the catalogue's, else that of the first function that names one, else waterfall. */
export function modeFor(hook: string, offers: readonly HookOffer[], asked: HookMode | undefined): HookMode {
  return asked ?? builtInHook(hook)?.mode ?? offers.find(({ mode }) => mode !== undefined)?.mode ?? "waterfall";
}

/** @throws {PlatformError} REQUEST_INVALID where a built-in hook's payload lacks a member */
export function requirePayload(hook: string, payload: unknown): void {
  const spec = builtInHook(hook);
  if (!spec) return;
  const isObject = typeof payload === "object" && payload !== null && !Array.isArray(payload);
  const missing = Object.entries(spec.payload).filter(([name]) => !isObject || !Object.hasOwn(payload, name));
  if (missing.length === 0) return;
  const issues = missing.map(([name, meaning]): Issue => ({
    path: `/payload/${name}`,
    message: `is required by ${hook}: ${meaning}`,
  }));
  throw new PlatformError(
    "REQUEST_INVALID",
    `The payload of ${hook} lacks ${missing.map(([name]) => name).join(", ")}.`,
    {
      issues,
    },
  );
}

/** Reads how a call ended. Output that is not JSON is a failure: the next function could not use it. */
export function stepOf(offer: HookOffer, result: Ending): Step {
  const none = { offer, output: undefined, fallback: undefined };
  if ("refused" in result) {
    const failure = { code: result.refused.code, detail: result.refused.message };
    return { ...none, status: "failed", failure, durationMs: 0, fuel: 0, executionId: undefined };
  }
  const { record, outcome } = result.invocation;
  const cost = { durationMs: record.durationMs, fuel: record.fuel, executionId: record.id };
  if (outcome.failure) {
    const { code, detail } = outcome.failure;
    return { ...none, ...cost, status: "failed", failure: { code, detail } };
  }
  const read = readOutput(outcome.output);
  if ("failure" in read) return { ...none, ...cost, status: "failed", failure: read.failure };
  return { ...none, ...cost, status: "succeeded", output: read.value, failure: undefined };
}

/** What is wrong with an output that the next function could not use. */
export function hookFailure(output: Uint8Array): Step["failure"] {
  const read = readOutput(output);
  return "failure" in read ? read.failure : undefined;
}

/** No output is no answer, rather than null. */
function readOutput(
  output: Uint8Array | undefined,
): { readonly value: unknown } | { readonly failure: Step["failure"] } {
  if (!output || output.byteLength === 0) return { value: undefined };
  try {
    return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(output)) as unknown };
  } catch {
    return { failure: { code: "OUTPUT_ENCODING_INVALID", detail: "The output is not JSON in UTF-8." } };
  }
}

/** @param by  how the fallback plugin ended; undefined where the fallback is a value */
export function replaced(failed: Step, by: Step | undefined): Step {
  const { fallback } = failed.offer;
  if (!fallback) return failed;
  if ("value" in fallback) return { ...failed, status: "replaced", output: fallback.value, fallback: "value" };
  if (!by) return failed;
  const cost = { durationMs: failed.durationMs + by.durationMs, fuel: failed.fuel + by.fuel };
  if (by.status === "failed") return { ...failed, ...cost };
  return { ...failed, ...cost, status: "replaced", output: by.output, fallback: by.offer.pluginId };
}

export function skipped(offer: HookOffer): Step {
  const cost = { durationMs: 0, fuel: 0, executionId: undefined };
  return { offer, status: "skipped", output: undefined, failure: undefined, fallback: undefined, ...cost };
}

/** True where the hook as a whole fails with this step. */
export function aborts({ status, offer }: Step): boolean {
  return status === "failed" && offer.criticality === "critical";
}

/** True where a first-answer hook is done with this step. */
export function isAnswer({ status, output }: Step): boolean {
  return (status === "succeeded" || status === "replaced") && output !== undefined && output !== null;
}
