import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import type { SandboxCall, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import type { Exchange } from "../../../worker/execution/call-ledger.ts";
import { recordCall, type Recording } from "../../../worker/execution/recording/recording.ts";
import { sampleInstall } from "../execution/samples.ts";
import { CONTEXT } from "../../support/guests/call-context.ts";

/** A recorded call that tests vary by what matters to them. */

export const SAMPLE_CALL: SandboxCall = {
  executionId: "01KAHT3CW00000000000000000",
  functionName: "greet",
  input: new TextEncoder().encode("Zoë"),
  config: { greeting: "hi", accent: "é" },
  limits: DEFAULT_LIMITS,
  logLevel: 2,
  now: 1_763_683_200_000,
  randomSeed: Uint8Array.from({ length: 32 }, (_, index) => index),
  context: CONTEXT,
};

export const SAMPLE_OUTCOME: SandboxOutcome = {
  output: new TextEncoder().encode("hi Zoë"),
  failure: undefined,
  usage: { fuel: 12_345_678_901, memoryBytes: 65_536, hostCalls: 3 },
  logs: [{ level: "info", text: "ü\nline" }],
  logsTruncated: false,
};

export const SAMPLE_EXCHANGES: readonly Exchange[] = [
  {
    request: { name: "crypto_digest", request: new TextEncoder().encode("{}"), body: Uint8Array.of(1, 2, 3) },
    answer: { answer: new TextEncoder().encode('{"value":1}'), body: Uint8Array.of(4, 5), failure: undefined },
  },
  {
    request: { name: "http_send", request: new Uint8Array(), body: undefined },
    answer: {
      answer: new TextEncoder().encode('{"error":{}}'),
      body: undefined,
      failure: { code: "GRANT_MISSING", message: "No." },
    },
  },
];

export const FAILED_OUTCOME: SandboxOutcome = {
  output: undefined,
  failure: {
    code: "FUEL_EXHAUSTED",
    detail: "The call used up its fuel.",
    limit: { name: "fuel", used: 1e9, allowed: 1e9 },
    exitCode: 3,
  },
  usage: { fuel: 1e9, memoryBytes: 0, hostCalls: 0 },
  logs: [],
  logsTruncated: true,
};

export interface SampleChanges {
  readonly call?: Partial<SandboxCall>;
  readonly outcome?: SandboxOutcome;
  readonly exchanges?: readonly Exchange[];
}

export function sampleRecording({
  call,
  outcome = SAMPLE_OUTCOME,
  exchanges = [],
}: SampleChanges = {}): Promise<Recording> {
  const captured = {
    tenantId: "acme",
    install: sampleInstall(),
    call: { ...SAMPLE_CALL, ...call },
    outcome,
    exchanges,
  };
  return recordCall(captured, outcome.failure ? "failure" : "sample", "s".repeat(64));
}
