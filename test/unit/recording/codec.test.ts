import { describe, expect, test } from "vitest";
import { decodeRecording, encodeRecording } from "../../../worker/execution/recording/codec.ts";
import { OUTPUT_KEPT_BYTES, recordedTarget, recordOutcome } from "../../../worker/execution/recording/recording.ts";
import { FAILED_OUTCOME, SAMPLE_CALL, SAMPLE_EXCHANGES, SAMPLE_OUTCOME, sampleRecording } from "./sample-recording.ts";

describe("a recording", () => {
  test.each([
    ["with an output", {}],
    ["with an empty output", { outcome: { ...SAMPLE_OUTCOME, output: new Uint8Array() } }],
    ["without an output", { outcome: { ...SAMPLE_OUTCOME, output: undefined } }],
    ["of a failure", { outcome: FAILED_OUTCOME }],
    ["of empty input", { call: { input: new Uint8Array(), config: {} } }],
    ["with capability calls", { exchanges: SAMPLE_EXCHANGES }],
    ["of a large output", { outcome: { ...SAMPLE_OUTCOME, output: new Uint8Array(OUTPUT_KEPT_BYTES + 1) } }],
  ])("%s comes out as it went in", async (_case, changes) => {
    const recording = await sampleRecording(changes);
    expect(decodeRecording(encodeRecording(recording))).toEqual(recording);
  });

  test("whose capability calls were too large says so", async () => {
    const recording = { ...(await sampleRecording()), exchanges: undefined };
    expect(decodeRecording(encodeRecording(recording))).toEqual(recording);
  });

  test("of the format without capability calls can still be read", async () => {
    const recording = await sampleRecording();
    const encoded = encodeRecording(recording);
    const header = JSON.parse(new TextDecoder().decode(encoded.subarray(8, 8 + headerLength(encoded)))) as {
      call: { context?: unknown };
      exchanges?: unknown;
    }; // written by encodeRecording
    delete header.call.context;
    delete header.exchanges;
    const older = new TextEncoder().encode(JSON.stringify(header));
    const bytes = Uint8Array.of(...encoded.subarray(0, 3), 1, 0, 0, 0, 0, ...older);
    new DataView(bytes.buffer).setUint32(4, older.length, true);
    const read = decodeRecording(Uint8Array.of(...bytes, ...encoded.subarray(8 + headerLength(encoded))));
    expect(read.exchanges).toEqual([]);
    expect(read.call).toEqual({
      ...recording.call,
      context: {
        tenantId: "acme",
        installId: "01J00000000000000000000000",
        pluginId: "demo.greet",
        version: "1.0.0",
        executionId: recording.call.executionId,
        subject: "",
        roles: [],
        traceId: "",
        deadline: recording.call.now + recording.call.limits.wallClock,
      },
    });
  });

  test("is the same bytes for the same call", async () => {
    expect(encodeRecording(await sampleRecording())).toEqual(encodeRecording(await sampleRecording()));
  });

  test("holds what runs the call again", async () => {
    const recording = await sampleRecording();
    expect(recording.call).toEqual(SAMPLE_CALL);
    expect(recording.exchanges).toEqual([]);
    expect(recordedTarget(recording)).toMatchObject({
      installId: "01J00000000000000000000000",
      rewrittenDigest: "a".repeat(64),
      rewriterVersion: "1",
      suspends: false,
      limits: SAMPLE_CALL.limits,
      config: SAMPLE_CALL.config,
    });
  });

  test("keeps an output up to the limit, and of a larger one digest and size", async () => {
    const kept = await recordOutcome({ ...SAMPLE_OUTCOME, output: new Uint8Array(OUTPUT_KEPT_BYTES) });
    expect(kept.output?.bytes?.length).toBe(OUTPUT_KEPT_BYTES);
    const cut = await recordOutcome({ ...SAMPLE_OUTCOME, output: new Uint8Array(OUTPUT_KEPT_BYTES + 1) });
    expect(cut.output).toEqual({
      digest: "2cb74edba754a81d121c9db6833704a8e7d417e5b13d1a19f4a52f007d644264",
      byteLength: OUTPUT_KEPT_BYTES + 1,
      bytes: undefined,
    });
  });

  test("digests the configuration whatever the order of its names", async () => {
    const one = await sampleRecording({ call: { config: { a: "1", b: "2" } } });
    const two = await sampleRecording({ call: { config: { b: "2", a: "1" } } });
    const other = await sampleRecording({ call: { config: { a: "2", b: "1" } } });
    expect(one.configDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(two.configDigest).toBe(one.configDigest);
    expect(other.configDigest).not.toBe(one.configDigest);
  });
});

function headerLength(bytes: Uint8Array): number {
  return new DataView(bytes.buffer).getUint32(4, true);
}

describe("damaged bytes", () => {
  const set = (bytes: Uint8Array, index: number, value: number): Uint8Array => bytes.with(index, value);

  test.each([
    ["nothing", () => new Uint8Array(), "The recording does not begin like one."],
    ["another beginning", (bytes: Uint8Array) => set(bytes, 0, 0), "The recording does not begin like one."],
    [
      "another format",
      (bytes: Uint8Array) => set(bytes, 3, 3),
      "The recording has format 3; this worker reads format 2.",
    ],
    ["a header that is no JSON", (bytes: Uint8Array) => set(bytes, 8, 0xff), "The recording's header is not JSON."],
    ["a longer header", (bytes: Uint8Array) => set(bytes, 7, 1), /^The recording breaks off: its header speaks of 16/],
    ["a missing byte", (bytes: Uint8Array) => bytes.subarray(0, -1), /^The recording breaks off: its header speaks of/],
    [
      "two bytes more",
      (bytes: Uint8Array) => Uint8Array.of(...bytes, 0, 0),
      "The recording has 2 bytes more than its header says.",
    ],
  ])("%s is refused", async (_case, damage, message) => {
    const bytes = damage(encodeRecording(await sampleRecording()));
    expect(() => decodeRecording(bytes)).toThrowError(
      expect.objectContaining({
        code: "RECORDING_UNREADABLE",
        message: typeof message === "string" ? message : expect.stringMatching(message),
      }),
    );
  });
});
