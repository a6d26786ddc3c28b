import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { ReplayAnswer } from "../../../worker/control/executions/replay/schema.ts";
import { recordExecutions } from "../../../worker/control/executions/actions.ts";
import { recordingKey, RecordingStore } from "../../../worker/execution/recording-store.ts";
import { RECORDING_RETENTION_MS } from "../../../worker/execution/recording/capture-rules.ts";
import { parseKeyRing } from "../../../worker/execution/recording/key-ring.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import { ulid } from "../../../worker/lib/ulid.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { counted } from "../../support/workers/probe.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { makeDeps } from "../control/fixtures.ts";
import { installGuests } from "../execution/guest-installs.ts";
import { callGuest, settledApi, type GuestCall } from "./recorded-calls.ts";

let snapshot: Snapshot;
let operator: string;

const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

beforeAll(async () => {
  snapshot = await installGuests("acme", [
    { guest: "echo" },
    { guest: "fail" },
    { guest: "trap" },
    { guest: "loop", limits: { fuel: 5_000_000 } },
    { guest: "memory-bomb" },
    { guest: "log" },
    { guest: "log-flood" },
    { guest: "wasi" },
    { guest: "vars" },
    { guest: "config", config: { greeting: "hi" } },
    { guest: "sleep" },
    { guest: "capability", grants: { crypto: {} } },
    { guest: "capability", pluginId: "refused" },
    { guest: "stream" },
    { guest: "echo", pluginId: "narrow", limits: { input: 3 } },
  ]);
  await installGuests("globex", []);
  operator = await mintToken({ tenant: "acme", roles: ["operator"] });
});

function store(keyRing = env.RECORDING_KEYS): RecordingStore {
  return new RecordingStore({ bucket: env.STORE, keyRing, randomBytes });
}

function replay(executionId: string, token = operator, bindings: Partial<Env> = {}) {
  return settledApi("POST", `/api/plugins/executions/${executionId}/replay`, { token }, bindings);
}

async function recorded(call: GuestCall): Promise<ExecutionRecord> {
  const { record } = await callGuest(snapshot, call);
  return record;
}

describe("a replay", () => {
  test.each<GuestCall & { readonly code: string | null }>([
    { pluginId: "echo", input: "byte for byte", code: null },
    { pluginId: "wasi", functionName: "random", code: null },
    { pluginId: "wasi", functionName: "clock", code: null },
    { pluginId: "config", input: "greeting", code: null },
    { pluginId: "log", code: null },
    { pluginId: "sleep", functionName: "nap", input: "zz", code: null },
    { pluginId: "capability", functionName: "digest_bytes", input: "abc", code: null },
    { pluginId: "capability", functionName: "context", code: null },
    { pluginId: "refused", functionName: "digest", input: "abc", code: null },
    { pluginId: "refused", functionName: "give_up", input: "abc", code: "GRANT_MISSING" },
    { pluginId: "fail", functionName: "run", code: "PLUGIN_ERROR" },
    { pluginId: "trap", code: "PLUGIN_TRAPPED" },
    { pluginId: "loop", code: "FUEL_EXHAUSTED" },
    { pluginId: "echo", input: "starved", options: { fuel: 10 }, code: "FUEL_EXHAUSTED" },
    { pluginId: "narrow", input: "four", code: "INPUT_TOO_LARGE" },
  ])("of $pluginId $functionName is the same, byte for byte: $code", async ({ code, ...call }) => {
    const { record, outcome } = await callGuest(snapshot, call);
    expect(record.errorCode).toBe(code);
    const answer = await replay(record.id);
    expect(answer.status).toBe(200);
    const body = answer.body as ReplayAnswer; // checked field by field
    expect(body).toMatchObject({ same: true, differences: [], executionId: record.id, pluginId: call.pluginId });
    expect(body.replayed).toEqual(body.recorded);
    expect(body.recorded).toMatchObject({
      fuel: record.fuel,
      memoryBytes: record.memoryBytes,
      failure: code === null ? null : { code },
      logs: [...outcome.logs],
    });
    expect(body.recorded.output?.byteLength).toBe(outcome.output?.byteLength);
    expect(body.capturedFor).toBe(code === null ? "sample" : "failure");
  });

  test.each(["pipe", "count", "refuse", "break"])("of a guest that streams is the same: %s", async (functionName) => {
    const record = await recorded({ pluginId: "stream", functionName, input: "piece by piece" });
    expect((await replay(record.id)).body).toMatchObject({ same: true, differences: [] });
  });

  test("of a guest that asks for randomness repeats the very bytes, which two calls never do", async () => {
    const [one, two] = [
      await recorded({ pluginId: "wasi", functionName: "random" }),
      await recorded({ pluginId: "wasi", functionName: "random" }),
    ];
    const [first, second] = [await replay(one.id), await replay(two.id)].map(({ body }) => body as ReplayAnswer);
    expect(first?.replayed.output?.digest).toBe(first?.recorded.output?.digest);
    expect(first?.recorded.output?.digest).not.toBe(second?.recorded.output?.digest);
  });

  test("stays the same when the plugin is updated, narrowed, or removed since", async () => {
    const record = await recorded({ pluginId: "config", input: "greeting" });
    await installGuests("acme", []);
    expect((await replay(record.id)).body).toMatchObject({ same: true });
    await env.STORE.put("snapshots/acme.json", JSON.stringify(snapshot));
  });

  test("is nobody's execution: no record, no recording, no quota", async () => {
    const record = await recorded({ pluginId: "fail", functionName: "run" });
    const [queue, bucket, health] = [counted(env.OUTCOMES), counted(env.STORE), counted(env.PLUGIN_HEALTH)];
    const bindings = { OUTCOMES: queue.binding, STORE: bucket.binding, PLUGIN_HEALTH: health.binding };
    expect((await replay(record.id, operator, bindings)).status).toBe(200);
    expect(queue.uses()).toEqual([]);
    expect(bucket.uses().filter((use) => use !== "get")).toEqual([]);
    expect(health.uses()).toEqual([]);
  });
});

describe("a difference", () => {
  test("is explained where the sandbox was another build, and left open where nothing explains it", async () => {
    const record = await recorded({ pluginId: "echo", input: "x" });
    const owner = { tenantId: "acme", executionId: record.id };
    const recording = await store().read(owner);
    if (!recording) throw new Error("not recorded");
    const outcome = { ...recording.outcome, usage: { ...recording.outcome.usage, fuel: 1 } };

    await store().put({ ...recording, outcome });
    expect((await replay(record.id)).body).toMatchObject({
      same: false,
      differences: [{ what: "fuel", recorded: 1, replayed: record.fuel }],
    });
    await store().put({ ...recording, outcome, sandboxDigest: "old" });
    const { body } = await replay(record.id);
    const { replayed, differences } = body as ReplayAnswer;
    expect(differences).toEqual([
      {
        what: "fuel",
        recorded: 1,
        replayed: record.fuel,
        because: `It was recorded with sandbox build old and replayed with ${replayed.sandboxDigest}.`,
      },
    ]);
  });

  test("is explained where the module is no longer there", async () => {
    const record = await recorded({ pluginId: "echo", input: "x" });
    const recording = await store().read({ tenantId: "acme", executionId: record.id });
    if (!recording) throw new Error("not recorded");
    await store().put({ ...recording, install: { ...recording.install, rewrittenDigest: "e".repeat(64) } });
    const { body } = await replay(record.id);
    expect(body).toMatchObject({ same: false, replayed: { failure: { code: "INTEGRITY_FAILED" } } });
    for (const { because } of (body as ReplayAnswer).differences) {
      expect(because).toBe("INTEGRITY_FAILED was a failure of the platform, not of the plugin.");
    }
  });
});

describe("a recording that cannot be replayed", () => {
  async function stored(record: ExecutionRecord): Promise<Uint8Array<ArrayBuffer>> {
    const object = await env.STORE.get(recordingKey({ tenantId: "acme", executionId: record.id }));
    if (!object) throw new Error("not recorded");
    expect(object.customMetadata).toEqual({ key: "k1" });
    return new Uint8Array(await object.arrayBuffer());
  }

  function replace(executionId: string, bytes: Uint8Array<ArrayBuffer>, key = "k1") {
    return env.STORE.put(recordingKey({ tenantId: "acme", executionId }), bytes, { customMetadata: { key } });
  }

  test.each([0, 40, 70, 200])("was tampered with at byte %s", async (index) => {
    const record = await recorded({ pluginId: "echo", input: "x" });
    const bytes = await stored(record);
    await replace(record.id, bytes.with(index, (bytes[index] ?? 0) ^ 1));
    expectProblem(
      await replay(record.id),
      "RECORDING_UNREADABLE",
      "The recording is not what was stored: it fails authentication.",
    );
  });

  test("was stored as another execution's", async () => {
    const [one, two] = [
      await recorded({ pluginId: "echo", input: "one" }),
      await recorded({ pluginId: "echo", input: "two" }),
    ];
    await replace(one.id, await stored(two));
    expectProblem(await replay(one.id), "RECORDING_UNREADABLE");
  });

  test("was sealed with a key that is gone", async () => {
    const record = await recorded({ pluginId: "echo", input: "x" });
    await replace(record.id, await stored(record), "k0");
    expectProblem(
      await replay(record.id),
      "RECORDING_KEY_UNKNOWN",
      'The recording was sealed with key "k0", which is not there.',
    );
  });

  test("does not say which key sealed it", async () => {
    const record = await recorded({ pluginId: "echo", input: "x" });
    await env.STORE.put(recordingKey({ tenantId: "acme", executionId: record.id }), await stored(record));
    expectProblem(await replay(record.id), "RECORDING_UNREADABLE", "The recording does not say which key sealed it.");
  });

  test("was never made", async () => {
    const record = { ...(await recorded({ pluginId: "echo", input: "x" })), inputBytes: 2_000_000 };
    await recordExecutions(makeDeps(), [record]);
    await env.STORE.delete(recordingKey({ tenantId: "acme", executionId: record.id }));
    expectProblem(
      await replay(record.id),
      "RECORDING_NOT_FOUND",
      `There is no recording of "${record.id}". The input has 2000000 bytes; inputs over 1048576 are not recorded.`,
    );
  });

  test("is past its retention, deleted or not", async () => {
    const record = await recorded({ pluginId: "echo", input: "x" });
    const startedAt = Date.now() - RECORDING_RETENTION_MS;
    const id = ulid(startedAt, new Uint8Array(16));
    await recordExecutions(makeDeps(), [{ ...record, id, startedAt }]);
    await replace(id, await stored(record));
    expectProblem(
      await replay(id),
      "RECORDING_EXPIRED",
      `There is no recording of "${id}". Recordings are kept for 14 days.`,
    );
  });

  test("is another tenant's, or nobody's: both are told the same", async () => {
    const record = await recorded({ pluginId: "echo", input: "x" });
    const intruder = await mintToken({ tenant: "globex", roles: ["operator"] });
    const detail = (id: string): string => `There is no execution "${id}".`;
    expectProblem(await replay(record.id, intruder), "EXECUTION_NOT_FOUND", detail(record.id));
    const absent = "01J00000000000000000000000";
    expectProblem(await replay(absent, intruder), "EXECUTION_NOT_FOUND", detail(absent));
  });

  test.each(["caller", "viewer", "developer"])("by a %s", async (role) => {
    const record = await recorded({ pluginId: "echo", input: "x" });
    const token = await mintToken({ tenant: "acme", roles: [role] });
    expectProblem(await replay(record.id, token), "PERMISSION_DENIED");
  });
});

describe("a rotated key", () => {
  test("still opens what it sealed, and seals nothing new", async () => {
    const before = parseKeyRing(env.RECORDING_KEYS);
    const { keys } = JSON.parse(env.RECORDING_KEYS) as { keys: Record<string, string> }; // written by vitest.config.ts
    expect(before.current).toBe("k1");
    const rotated = JSON.stringify({ current: "k2", keys: { ...keys, k2: btoa("0".repeat(32)) } });
    const record = await recorded({ pluginId: "echo", input: "old" });
    expect((await replay(record.id, operator, { RECORDING_KEYS: rotated })).body).toMatchObject({ same: true });

    const { record: later } = await callGuest(snapshot, { pluginId: "echo", bindings: { RECORDING_KEYS: rotated } });
    const owner = { tenantId: "acme", executionId: later.id };
    expect(await store(rotated).find(owner)).toMatchObject({ keyId: "k2" });
    expect((await replay(later.id, operator, { RECORDING_KEYS: rotated })).body).toMatchObject({ same: true });
    expectProblem(await replay(later.id), "RECORDING_KEY_UNKNOWN");
  });
});

describe("GET /executions/:id", () => {
  async function shown(record: ExecutionRecord): Promise<unknown> {
    await recordExecutions(makeDeps(), [record]);
    const answer = await settledApi("GET", `/api/plugins/executions/${record.id}`, { token: operator });
    expect(answer.status).toBe(200);
    return (answer.body as { recording: unknown }).recording;
  }

  test("says that there is a recording, and until when", async () => {
    const record = await recorded({ pluginId: "echo", input: "x" });
    expect(await shown(record)).toEqual({
      stored: true,
      keyId: "k1",
      sealedBytes: expect.any(Number),
      expiresAt: record.startedAt + RECORDING_RETENTION_MS,
    });
  });

  test("says why there is none", async () => {
    const record = await recorded({ pluginId: "echo", input: "x" });
    const id = ulid(Date.now(), randomBytes(16));
    expect(await shown({ ...record, id })).toEqual({
      stored: false,
      because:
        "Of the calls that succeed, 1 % are recorded, and none that ran in an instance used before; this one was not among them.",
    });
  });
});
