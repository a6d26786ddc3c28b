import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import type { CapabilityUse, SandboxCall, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import { failedOutcome, settle } from "../../../worker/execution/settle.ts";
import { CONTEXT } from "../../support/guests/call-context.ts";
import { sampleInstall } from "./samples.ts";

const call: SandboxCall = {
  executionId: "01J0000000000000000000000X",
  functionName: "greet",
  input: new Uint8Array(5),
  config: {},
  limits: DEFAULT_LIMITS,
  logLevel: 2,
  now: 1_000,
  randomSeed: new Uint8Array(32),
  context: CONTEXT,
};

function settled(outcome: SandboxOutcome, capabilities: readonly CapabilityUse[] = []): ReturnType<typeof settle> {
  const streams = { inputBytes: 0, outputBytes: 0 };
  const target = { install: sampleInstall(), functionName: "greet" };
  return settle({
    tenantId: "demo",
    subject: "me",
    traceId: "t",
    target,
    call,
    outcome,
    durationMs: 7,
    capabilities,
    streams,
  });
}

test("a good call becomes a record without its content", () => {
  const outcome: SandboxOutcome = {
    output: new Uint8Array(3),
    failure: undefined,
    usage: { fuel: 9, memoryBytes: 65_536, hostCalls: 2 },
    logs: [{ level: "info", text: "secret" }],
    logsTruncated: false,
  };
  const record = settled(outcome);
  expect(record).toEqual({
    id: call.executionId,
    tenantId: "demo",
    installId: "01J00000000000000000000000",
    pluginId: "demo.greet",
    version: "1.0.0",
    functionName: "greet",
    status: "succeeded",
    errorCode: null,
    errorDetail: null,
    durationMs: 7,
    fuel: 9,
    memoryBytes: 65_536,
    hostCalls: 2,
    inputBytes: 5,
    outputBytes: 3,
    logLines: 1,
    traceId: "t",
    subject: "me",
    startedAt: 1_000,
  });
  expect(JSON.stringify(record)).not.toContain("secret");
});

test("a failed call keeps its code and a bounded detail", () => {
  const record = settled(failedOutcome({ code: "PLUGIN_ERROR", detail: "x".repeat(2_000) }, 12));
  expect(record).toMatchObject({ status: "failed", errorCode: "PLUGIN_ERROR", fuel: 12, outputBytes: 0 });
  expect(record.errorDetail).toHaveLength(500);
});

test("what a call asked of the platform travels with its record", () => {
  const use: CapabilityUse = { capability: "http", calls: 2, refused: 1, scopes: ["api.example.com"], bytes: 90 };
  expect(settled(failedOutcome({ code: "PLUGIN_ERROR", detail: "" }), [use]).capabilities).toEqual([use]);
});
