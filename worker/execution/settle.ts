import type { CapabilityUse, SandboxCall, SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import type { CallMetrics } from "./capabilities/analytics/rules.ts";
import type { Target } from "./resolve.ts";

/** One row of plugin_executions, as it travels through the queue. Holds no input, output or log text. */
export interface ExecutionRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly installId: string;
  readonly pluginId: string;
  readonly version: string;
  readonly functionName: string;
  readonly status: "succeeded" | "failed";
  readonly errorCode: string | null;
  readonly errorDetail: string | null;
  readonly durationMs: number;
  readonly fuel: number;
  readonly memoryBytes: number;
  readonly hostCalls: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly logLines: number;
  readonly traceId: string;
  readonly subject: string;
  readonly startedAt: number;
  /** Why the call was chosen to be recorded; absent: it was not. */
  readonly recorded?: "failure" | "sample" | null;
  /** For the usage figures, which are tables of their own; absent for a call that only computed. */
  readonly capabilities?: readonly CapabilityUse[];
  /** What the plugin recorded of itself, for a table of its own; absent where it recorded nothing. */
  readonly metrics?: CallMetrics;
}

/** Longest error text kept in a record, in UTF-16 units; the guest writes it. */
const RECORDED_DETAIL_LENGTH = 500;

export interface SettledCall {
  readonly tenantId: string;
  readonly subject: string;
  readonly traceId: string;
  readonly target: Target;
  readonly call: SandboxCall;
  readonly outcome: SandboxOutcome;
  readonly durationMs: number;
  readonly recorded?: ExecutionRecord["recorded"];
  readonly capabilities: readonly CapabilityUse[];
  readonly metrics?: CallMetrics | undefined;
  /** Bytes that passed piece by piece. */
  readonly streams: { readonly inputBytes: number; readonly outputBytes: number };
}

/** Turns a finished call into the record that is kept of it. */
export function settle(settled: SettledCall): ExecutionRecord {
  const { call, outcome, target } = settled;
  return {
    id: call.executionId,
    tenantId: settled.tenantId,
    installId: target.install.installId,
    pluginId: target.install.pluginId,
    version: target.install.version,
    functionName: target.functionName,
    status: outcome.failure ? "failed" : "succeeded",
    errorCode: outcome.failure?.code ?? null,
    errorDetail: outcome.failure?.detail.slice(0, RECORDED_DETAIL_LENGTH) ?? null,
    durationMs: settled.durationMs,
    fuel: outcome.usage.fuel,
    memoryBytes: outcome.usage.memoryBytes,
    hostCalls: outcome.usage.hostCalls,
    inputBytes: Math.max(call.input.byteLength, settled.streams.inputBytes),
    outputBytes: Math.max(outcome.output?.byteLength ?? 0, settled.streams.outputBytes),
    logLines: outcome.logs.length,
    traceId: settled.traceId,
    subject: settled.subject,
    startedAt: call.now,
    ...(settled.recorded ? { recorded: settled.recorded } : {}),
    ...(settled.capabilities.length > 0 ? { capabilities: settled.capabilities } : {}),
    ...(settled.metrics ? { metrics: settled.metrics } : {}),
  };
}

/** The outcome of a call that never reached the guest, or whose isolate went away. */
export function failedOutcome(failure: NonNullable<SandboxOutcome["failure"]>, fuel = 0): SandboxOutcome {
  return {
    output: undefined,
    failure,
    usage: { fuel, memoryBytes: 0, hostCalls: 0 },
    logs: [],
    logsTruncated: false,
  };
}
