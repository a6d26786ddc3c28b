import { describe, expect, test } from "vitest";
import {
  CaptureBook,
  captureReason,
  FAILURE_WINDOW_MS,
  FAILURES_PER_WINDOW,
  isExpired,
  isSampled,
  RECORDED_INPUT_BYTES,
  RECORDING_RETENTION_MS,
  SAMPLE_RATE,
  timeOfUlid,
  whyNotRecorded,
} from "../../../worker/execution/recording/capture-rules.ts";
import { ulid } from "../../../worker/lib/ulid.ts";

const NOW = Date.UTC(2026, 0, 1);

/** Ids as the platform draws them: many within the same milliseconds, their ends counting up. */
function idOf(n: number): string {
  return ulid(
    NOW + Math.floor(n / 100),
    Uint8Array.from({ length: 16 }, (_, index) => (n >> (5 * (15 - index))) & 31),
  );
}

describe("sampling", () => {
  test.each([0.01, 0.1, 0.5])("takes a share of %s of ids that hardly differ", (rate) => {
    const ids = Array.from({ length: 20_000 }, (_, n) => idOf(n));
    const share = ids.filter((id) => isSampled(id, rate)).length / ids.length;
    expect(Math.abs(share - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / ids.length));
  });

  test("answers the same for the same id, none at 0, all at 1, and never fewer at a higher rate", () => {
    const ids = Array.from({ length: 2_000 }, (_, n) => idOf(n));
    for (const id of ids) {
      expect(isSampled(id, 0)).toBe(false);
      expect(isSampled(id, 1)).toBe(true);
      expect(isSampled(id, 0.2)).toBe(isSampled(id, 0.2));
      if (isSampled(id, 0.2)) expect(isSampled(id, 0.3)).toBe(true);
    }
  });
});

describe("what is captured", () => {
  const good = { executionId: idOf(1), installId: "i", failed: false, inputBytes: 0, instanceCall: 1 };
  const failed = { ...good, failed: true };

  test.each([
    ["a good call that is sampled", good, 1, "sample"],
    ["a good call that is not", good, 0, undefined],
    ["a failure, sampled or not", failed, 0, "failure"],
    ["not a good call of an instance used before", { ...good, instanceCall: 2 }, 1, undefined],
    ["a failure of one", { ...failed, instanceCall: 2 }, 0, "failure"],
    ["a failure with the largest input", { ...failed, inputBytes: RECORDED_INPUT_BYTES }, 0, "failure"],
    ["not a failure with a larger one", { ...failed, inputBytes: RECORDED_INPUT_BYTES + 1 }, 1, undefined],
    ["not a good call with a larger one", { ...good, inputBytes: RECORDED_INPUT_BYTES + 1 }, 1, undefined],
  ] as const)("%s", (_case, call, rate, reason) => {
    expect(captureReason(call, new CaptureBook(), NOW, rate)).toBe(reason);
  });

  test("of one install's failures, so many within a minute, each install by itself", () => {
    const book = new CaptureBook();
    const capture = (installId: string, now: number) => captureReason({ ...failed, installId }, book, now);
    for (let n = 0; n < FAILURES_PER_WINDOW; n++) expect(capture("i", NOW + n)).toBe("failure");
    expect(capture("i", NOW + FAILURE_WINDOW_MS - 1)).toBeUndefined();
    expect(capture("j", NOW + FAILURE_WINDOW_MS - 1)).toBe("failure");
    expect(capture("i", NOW + FAILURE_WINDOW_MS)).toBe("failure");
  });

  test("an input that is not recorded uses up no share", () => {
    const book = new CaptureBook();
    const large = { ...failed, inputBytes: RECORDED_INPUT_BYTES + 1 };
    for (let n = 0; n < 100; n++) captureReason(large, book, NOW);
    expect(captureReason(failed, book, NOW)).toBe("failure");
  });
});

describe("retention", () => {
  test("ends after 14 days, the first moment included", () => {
    expect(RECORDING_RETENTION_MS).toBe(14 * 86_400_000);
    expect(isExpired(NOW, NOW + RECORDING_RETENTION_MS - 1)).toBe(false);
    expect(isExpired(NOW, NOW + RECORDING_RETENTION_MS)).toBe(true);
  });

  test.each([0, 1, NOW, 2 ** 48 - 1])("the time in a ULID is %s again", (time) => {
    expect(timeOfUlid(ulid(time, new Uint8Array(16)))).toBe(time);
  });
});

test.each([
  [{ startedAt: NOW - RECORDING_RETENTION_MS }, "Recordings are kept for 14 days."],
  [{ inputBytes: 2_000_000 }, "The input has 2000000 bytes; inputs over 1048576 are not recorded."],
  [
    {},
    `Of the calls that succeed, ${SAMPLE_RATE * 100} % are recorded, and none that ran in an instance used before; this one was not among them.`,
  ],
  [{ status: "failed" as const }, "It is being written, or the plugin had failed 10 times within the minute already."],
  [
    { status: "failed" as const, errorCode: "BUDGET_SPENT" },
    "The request's budget ended it, and what other calls of the request used is not recorded.",
  ],
])("why %o has no recording", (change, sentence) => {
  const execution = { status: "succeeded" as const, errorCode: null, inputBytes: 1, startedAt: NOW };
  expect(whyNotRecorded({ ...execution, ...change }, NOW)).toBe(sentence);
});
