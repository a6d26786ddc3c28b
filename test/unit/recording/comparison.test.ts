import { describe, expect, test } from "vitest";
import type { SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import { compareRuns, type Run, type Versions } from "../../../worker/execution/recording/comparison.ts";
import { OUTPUT_KEPT_BYTES, recordOutcome } from "../../../worker/execution/recording/recording.ts";
import { FAILED_OUTCOME, SAMPLE_OUTCOME } from "./sample-recording.ts";

const VERSIONS: Versions = { sandboxDigest: "s1", rewriterVersion: "1" };

async function run(changes: Partial<SandboxOutcome> = {}, versions: Partial<Versions> = {}): Promise<Run> {
  return {
    versions: { ...VERSIONS, ...versions },
    outcome: await recordOutcome({ ...SAMPLE_OUTCOME, ...changes }),
  };
}

function failure(code: NonNullable<SandboxOutcome["failure"]>["code"]): SandboxOutcome {
  return { ...FAILED_OUTCOME, failure: { code, detail: "" } };
}

describe("two runs", () => {
  test.each([
    ["that ended well", SAMPLE_OUTCOME],
    ["that failed", FAILED_OUTCOME],
    ["with an output too large to keep", { ...SAMPLE_OUTCOME, output: new Uint8Array(OUTPUT_KEPT_BYTES + 1) }],
  ])("%s alike are the same, under whatever versions", async (_case, outcome) => {
    expect(compareRuns(await run(outcome), await run(outcome, { sandboxDigest: "s2", rewriterVersion: "2" }))).toEqual(
      [],
    );
  });

  test("may differ in memory held", async () => {
    const usage = { ...SAMPLE_OUTCOME.usage, memoryBytes: 1 };
    expect(compareRuns(await run(), await run({ usage }))).toEqual([]);
  });

  test.each<[string, Partial<SandboxOutcome>, object]>([
    ["fuel", { usage: { ...SAMPLE_OUTCOME.usage, fuel: 1 } }, { what: "fuel", recorded: 12_345_678_901, replayed: 1 }],
    [
      "one output byte",
      { output: Uint8Array.of(1) },
      {
        what: "output",
        recorded: "sha256:cf85847772f71a06eea826119bf382235b3811cdfafee8ec394c71b31ea1dfcc, 7 bytes",
        replayed: "sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a, 1 bytes",
      },
    ],
    [
      "a log line",
      { logs: [{ level: "warn", text: "ü\nline" }] },
      { what: "logs", recorded: "line 1: info ü\nline", replayed: "line 1: warn ü\nline" },
    ],
    ["a missing log line", { logs: [] }, { what: "logs", recorded: "line 1: info ü\nline", replayed: null }],
    ["cut logs", { logsTruncated: true }, { what: "logs", recorded: "complete", replayed: "cut at the limit" }],
  ])("that differ in %s say so, and that nothing explains it", async (_case, changes, difference) => {
    const found = compareRuns(await run(), await run(changes));
    expect(found).toHaveLength(1);
    const [only] = found;
    expect(only).toEqual(difference);
  });

  test("an output that is gone, a failure that is new, fuel: each is named once", async () => {
    const found = compareRuns(await run(), await run(FAILED_OUTCOME));
    expect(found.map(({ what }) => what)).toEqual(["output", "fuel", "failure", "logs"]);
    expect(found[2]).toEqual({ what: "failure", recorded: null, replayed: "FUEL_EXHAUSTED" });
  });
});

describe("a difference is explained by", () => {
  const cheaper = { usage: { ...SAMPLE_OUTCOME.usage, fuel: 1 } };

  test.each<[string, Partial<SandboxOutcome>, Partial<SandboxOutcome>, Partial<Versions>, string]>([
    [
      "another sandbox build",
      {},
      cheaper,
      { sandboxDigest: "s2" },
      "It was recorded with sandbox build s1 and replayed with s2.",
    ],
    [
      "another rewriter",
      {},
      cheaper,
      { rewriterVersion: "2" },
      "It was recorded with rewriter version 1 and replayed with 2.",
    ],
    [
      "an instance used before",
      { instanceCall: 3 },
      cheaper,
      {},
      "It was call 3 of an instance that is kept between calls, and a replay begins with a new one.",
    ],
    [
      "both",
      {},
      cheaper,
      { sandboxDigest: "s2", rewriterVersion: "2" },
      "It was recorded with sandbox build s1 and replayed with s2. It was recorded with rewriter version 1 and replayed with 2.",
    ],
    [
      "the platform, then",
      failure("ISOLATE_UNAVAILABLE"),
      {},
      {},
      "ISOLATE_UNAVAILABLE was a failure of the platform, not of the plugin.",
    ],
    [
      "the platform, now",
      {},
      failure("INTEGRITY_FAILED"),
      { sandboxDigest: "s2" },
      "INTEGRITY_FAILED was a failure of the platform, not of the plugin.",
    ],
    [
      "the deadline",
      failure("WALL_CLOCK_EXCEEDED"),
      {},
      {},
      "The deadline is in real time, which a replay does not repeat.",
    ],
  ])("%s", async (_case, then, now, versions, because) => {
    const found = compareRuns(await run(then), await run(now, versions));
    expect(found.length).toBeGreaterThan(0);
    for (const difference of found) expect(difference.because).toBe(because);
  });
});
