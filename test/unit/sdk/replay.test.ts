import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";
import { replayRecording } from "../../../sdk/replay/replay-recording.ts";
import * as production from "../../../sdk/testing/production-program.generated.js";
import type { Backend, CallResult } from "../../../sdk/testing/production-program.ts";
import { enableRuntime } from "../../../sdk/testing/runtime.ts";
import { SqliteStorage } from "../../../sdk/testing/sqlite-storage.ts";
import { rewriteModule } from "../../../worker/execution/metering/rewrite.ts";
import { encodeRecording } from "../../../worker/execution/recording/codec.ts";
import { recordOutcome, type Recording } from "../../../worker/execution/recording/recording.ts";
import { SANDBOX_DIGEST } from "../../../worker/execution/sandbox-program.generated.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { CONTEXT } from "../../support/guests/call-context.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";

/** `patchbay replay`: recordings, made here as the platform makes them, run again in Node. */

const NOW = Date.UTC(2026, 5, 1);
const compile = (module: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> => WebAssembly.compile(module);

function callOf(functionName: string, input: string): SandboxCall {
  return {
    executionId: "01J00000000000000000000000",
    functionName,
    input: new TextEncoder().encode(input),
    config: { greeting: "Hi", secret: "not for logs" },
    configJsonNames: [],
    limits: DEFAULT_LIMITS,
    logLevel: 0,
    now: NOW,
    randomSeed: new Uint8Array(32).fill(7),
    context: { ...CONTEXT, deadline: NOW + DEFAULT_LIMITS.wallClock },
  };
}

async function runCall(module: Uint8Array, call: SandboxCall): Promise<CallResult> {
  const storages = new Map<string, SqliteStorage>();
  const backend: Backend = {
    now: () => NOW,
    newId: () => "id",
    randomBytes: (length) => new Uint8Array(length),
    fetch: async () => new Response("upstream"),
    storage: (object, name) => {
      const key = `${object} ${name}`;
      const storage = storages.get(key) ?? new SqliteStorage();
      storages.set(key, storage);
      return storage;
    },
    contents: new Map(),
    tokens: {},
    publish: () => undefined,
    send: () => undefined,
    raise: () => undefined,
  };
  enableRuntime();
  const plugin = await production.openPlugin(module, DEFAULT_LIMITS, compile);
  return plugin.call(call, { grants: { storage: {} }, backend, publishes: [], services: {} });
}

interface Recorded {
  readonly recording: Uint8Array;
  readonly module: Uint8Array;
  readonly rewritten: Uint8Array;
}

async function record(
  guest: string,
  functionName: string,
  input: string,
  changes: Partial<Recording> = {},
): Promise<Recorded> {
  const module = guestBytes(guest);
  const call = callOf(functionName, input);
  const { outcome, exchanges } = await runCall(module, call);
  const { chunks, report } = rewriteModule(module, {
    memoryPages: DEFAULT_LIMITS.memory / 65_536,
    tableElements: DEFAULT_LIMITS.tableEntries,
    callDepth: DEFAULT_LIMITS.callDepth,
    keepNames: true,
    hideTables: true,
  });
  const rewritten = new Uint8Array(await new Blob([...chunks] as BlobPart[]).arrayBuffer());
  const recording = encodeRecording({
    tenantId: "acme",
    capturedFor: "failure",
    install: {
      installId: "01J00000000000000000000001",
      pluginId: "acme.plugin",
      version: "1.0.0",
      rewrittenDigest: await sha256Hex(rewritten),
      rewriterVersion: report.rewriterVersion,
      moduleBytes: rewritten.length,
      suspends: exchanges.length > 0,
    },
    sandboxDigest: SANDBOX_DIGEST,
    configDigest: "",
    call,
    exchanges,
    outcome: await recordOutcome(outcome),
    ...changes,
  });
  return { recording, module, rewritten };
}

describe("a recorded call, run again in Node", () => {
  test.each([
    { guest: "typescript-shop", functionName: "greet", input: "you", output: "Hi, you!" },
    { guest: "typescript-shop", functionName: "keep", input: "one", output: undefined },
    { guest: "typescript-web", functionName: "random", input: "", output: undefined },
    { guest: "trap", functionName: "run", input: "", output: undefined },
  ])("$guest $functionName comes out the same, byte for byte", async ({ guest, functionName, input, output }) => {
    const { recording, rewritten } = await record(guest, functionName, input);
    const replay = await replayRecording({ recording, part: async () => rewritten });
    expect(replay).toMatchObject({ sameModule: true, same: true, differences: [], functionName });
    expect(replay.replayed.output).toEqual(replay.recorded.output);
    expect(replay.replayed.fuel).toBe(replay.recorded.fuel);
    if (output !== undefined) expect(new TextDecoder().decode(replay.replayed.output?.bytes)).toBe(output);
  });

  test("knows the local build of the recorded version, and tells what another one does otherwise", async () => {
    const { recording, module } = await record("typescript-shop", "greet", "you");
    const part = (): Promise<never> => Promise.reject(new Error("nothing is downloaded"));
    expect(await replayRecording({ recording, part, plugin: module })).toMatchObject({ sameModule: true, same: true });
    const other = await replayRecording({ recording, part, plugin: guestBytes("typescript-web") });
    expect(other).toMatchObject({ sameModule: false, same: false });
    expect(other.differences).toContainEqual({
      what: "failure",
      recorded: null,
      replayed: "FUNCTION_NOT_FOUND",
      because: "Another build of the plugin ran.",
    });
  });

  test("shows a difference that nothing explains", async () => {
    const { outcome } = await runCall(guestBytes("typescript-shop"), callOf("greet", "you"));
    const changed = { ...(await recordOutcome(outcome)), usage: { ...outcome.usage, fuel: outcome.usage.fuel + 1 } };
    const { recording, rewritten } = await record("typescript-shop", "greet", "you", { outcome: changed });
    const replay = await replayRecording({ recording, part: async () => rewritten });
    expect(replay.differences).toEqual([
      { what: "fuel", recorded: outcome.usage.fuel + 1, replayed: outcome.usage.fuel },
    ]);
  });

  test("is refused where it cannot be read, or its answers were too large", async () => {
    const part = async (): Promise<Uint8Array> => new Uint8Array();
    await expect(replayRecording({ recording: new Uint8Array(20), part })).rejects.toMatchObject({
      code: "RECORDING_UNREADABLE",
    });
    const { recording } = await record("typescript-shop", "greet", "you", { exchanges: undefined });
    await expect(replayRecording({ recording, part })).rejects.toMatchObject({ code: "RECORDING_NOT_FOUND" });
  });
});
