import type * as v from "valibot";
import type { Capability } from "../../../sdk/contract/capabilities.ts";
import type { Grant } from "../../../sdk/contract/grants.ts";
import type { ExecutionContext } from "../../../sdk/contract/sandbox.ts";
import type { SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import type { Snapshot } from "../snapshot.ts";
import type { MetricPoint } from "./analytics/rules.ts";
import type { CallQuotas } from "./quotas.ts";
import type { CapabilityServices } from "./services.ts";

/** What a capability is to the bridge: for each of its functions a request schema and the effect. */

export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue | undefined };

/** What a call can reach of its tenant: state, and other plugins. Made for each call; its authority ends with it. */
export interface TenantReach {
  readonly snapshot: Snapshot;
  /**
   * Runs a function of another plugin on behalf of the call: under that plugin's grants and configuration, within what the
   * request may use together and what is left of the call's time.
   *
   * @throws {PlatformError} as `invoke` does
   */
  callPlugin(pluginId: string, functionName: string, input: Uint8Array): Promise<NestedOutcome>;
}

export interface NestedOutcome extends Pick<SandboxOutcome, "output" | "failure"> {
  readonly executionId: string;
}

/** What one capability call may use. Made by the bridge; lives as long as the plugin's call. */
export interface HostContext {
  readonly call: ExecutionContext;
  readonly grant: Grant;
  readonly quotas: CallQuotas;
  /** Aborted once the plugin's call has ended, however it ended: nothing may go on behind it. */
  readonly signal: AbortSignal;
  readonly services: CapabilityServices;
  readonly reach: TenantReach;
  /** Remembers a host, topic or service for the usage report. */
  readonly note: (scope: string) => void;
  /** Records metrics for the call's record; `series` is how many the install may have. */
  readonly measure: (points: readonly MetricPoint[], series: number) => void;
}

export interface HostResult {
  readonly value: JsonValue;
  readonly body?: Uint8Array | undefined;
}

export interface HostCall {
  readonly capability: Capability;
  /** Validated before `run`: what does not fit is the plugin's fault, HOST_REQUEST_INVALID. */
  readonly request: v.GenericSchema;
  /** Throws a PlatformError for what the guest is to be told; anything else is a fault of the platform. */
  readonly run: (context: HostContext, request: never, body: Uint8Array | undefined) => Promise<HostResult>;
}

/** Ties the effect's request to its schema. */
export function hostCall<const Schema extends v.GenericSchema>(
  capability: Capability,
  request: Schema,
  run: (context: HostContext, request: v.InferOutput<Schema>, body: Uint8Array | undefined) => Promise<HostResult>,
): HostCall {
  return { capability, request, run };
}
