import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import { judge, narrowed, type Evidences } from "../../../worker/control/healing/verification-rules.ts";

const none = { replayed: 0, succeeded: 0 };
const nothing: Evidences = { proved: false, state: "active", failing: none, good: none, healthCheck: null };

test.each<[string, Partial<Evidences>, string, RegExp]>([
  ["nothing was seen", {}, "unproven", /No failed call/],
  ["it takes no calls and was not called", { state: "inactive" }, "unproven", /inactive/],
  ["failed calls succeed", { failing: { replayed: 2, succeeded: 2 } }, "helped", /2 recorded calls/],
  ["one still fails", { failing: { replayed: 3, succeeded: 2 } }, "not-helped", /1 of 3/],
  [
    "good calls fail since",
    { good: { replayed: 2, succeeded: 1 }, failing: { replayed: 1, succeeded: 1 } },
    "not-helped",
    /1 of 2/,
  ],
  ["the remedy saw the cause go", { proved: true }, "helped", /gone/],
  [
    "the remedy saw the cause go, and yet it fails",
    { proved: true, failing: { replayed: 1, succeeded: 0 } },
    "not-helped",
    /still fail/,
  ],
  ["the plugin says that it is well", { healthCheck: "healthy" }, "helped", /health_check/],
  [
    "the plugin says that it is not",
    { healthCheck: "unhealthy", failing: { replayed: 1, succeeded: 1 } },
    "not-helped",
    /unhealthy/,
  ],
  ["the plugin lies", { healthCheck: "healthy", failing: { replayed: 1, succeeded: 0 } }, "not-helped", /contradict/],
  ["it is quarantined", { state: "quarantined" }, "helped", /no calls any more/],
])("%s", (_, evidence, verdict, explanation) => {
  const verification = judge({ ...nothing, ...evidence });
  expect(verification.verdict).toBe(verdict);
  expect(verification.explanation).toMatch(explanation);
});

test("a call that is run again has at most the limits of now and of then", () => {
  const now = { ...DEFAULT_LIMITS, fuel: 10, output: 1_000_000_000 };
  expect(narrowed(DEFAULT_LIMITS, now)).toEqual({ ...DEFAULT_LIMITS, fuel: 10 });
});
