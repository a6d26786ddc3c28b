import * as v from "valibot";
import { ExecutionAnswer } from "../schema.ts";

const value = v.nullable(v.union([v.string(), v.number()]));

const LogLine = v.object({ level: v.string(), text: v.string() });

const Run = v.object({
  sandboxDigest: v.pipe(v.string(), v.description("Build of the program that ran the plugin")),
  rewriterVersion: v.string(),
  output: v.nullable(
    v.object({
      digest: v.pipe(v.string(), v.description("SHA-256 of the output, hexadecimal")),
      byteLength: v.number(),
    }),
  ),
  failure: v.nullable(v.object({ code: v.string(), detail: v.string() })),
  fuel: v.number(),
  memoryBytes: v.number(),
  hostCalls: v.number(),
  logs: v.array(LogLine),
  logsTruncated: v.boolean(),
});

export type ShownRun = v.InferOutput<typeof Run>;

export const ReplayAnswer = v.object({
  executionId: v.string(),
  pluginId: v.string(),
  version: v.string(),
  functionName: v.string(),
  configDigest: v.pipe(v.string(), v.description("SHA-256 of the configuration the call ran with")),
  capturedFor: v.picklist(["failure", "sample"]),
  same: v.pipe(v.boolean(), v.description("True: output bytes, fuel, failure and logs are equal")),
  differences: v.array(
    v.object({
      what: v.picklist(["hostCalls", "output", "fuel", "failure", "logs"]),
      recorded: value,
      replayed: value,
      because: v.optional(v.pipe(v.string(), v.description("Absent where nothing known explains the difference"))),
    }),
  ),
  recorded: Run,
  replayed: Run,
});

export type ReplayAnswer = v.InferOutput<typeof ReplayAnswer>;

export const RecordingState = v.variant("stored", [
  v.object({
    stored: v.literal(true),
    keyId: v.pipe(v.string(), v.description("Key of the ring that sealed it")),
    sealedBytes: v.number(),
    expiresAt: v.pipe(v.number(), v.description("Milliseconds since the epoch")),
  }),
  v.object({ stored: v.literal(false), because: v.string() }),
]);

export type RecordingState = v.InferOutput<typeof RecordingState>;

/** One execution, with whether it can be replayed. */
export const ExecutionWithRecording = v.object({ ...ExecutionAnswer.entries, recording: RecordingState });
