import { describe, expect, test } from "vitest";
import { closedBreaker, count, type Breaker } from "../../../durable-objects/plugin-health/breaker-rules.ts";
import { verdictOf } from "../../../durable-objects/plugin-health/verdict-rules.ts";
import { ERRORS, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { DEFAULT_LIMITS, LIMITS, type LimitName } from "../../../sdk/contract/limits.ts";
import { evidenceOf, refusalOf } from "../../../worker/execution/breaker/fault-rules.ts";

const NOW = 1_000_000_000;
const CODES = Object.keys(ERRORS) as ErrorCode[]; // Object.keys loses the key type

/** A breaker after a hundred calls that all ended with the code. */
function afterHundred(code: ErrorCode): Breaker {
  let breaker = closedBreaker(NOW);
  for (let call = 0; call < 100; call++) {
    const evidence = evidenceOf({ code }, DEFAULT_LIMITS, DEFAULT_LIMITS);
    const fault = { at: NOW + call, code, executionId: `execution-${call}`, configRevision: 0 };
    if (evidence !== "nothing") {
      breaker = count(breaker, evidence === "good" ? 1 : 0, evidence === "fault" ? [fault] : [], NOW + call).breaker;
    }
  }
  return breaker;
}

describe("a hundred calls in a row that end with", () => {
  const opening = CODES.filter((code) => ERRORS[code].trips);

  test.each(opening)("%s open the breaker", (code) => {
    expect(ERRORS[code].blame).toBe("plugin");
    expect(afterHundred(code)).toMatchObject({ phase: { state: "open" }, why: { codes: { [code]: 5 } } });
  });

  test.each(CODES.filter((code) => !opening.includes(code)))("%s never do", (code) => {
    expect(afterHundred(code).phase.state).toBe("closed");
  });

  test.each(CODES.filter((code) => ERRORS[code].blame !== "plugin"))("%s say nothing of the plugin", (code) => {
    expect(evidenceOf({ code }, DEFAULT_LIMITS, DEFAULT_LIMITS)).toBe("nothing");
  });
});

describe("a limit that is hit", () => {
  const names = (Object.keys(LIMITS) as LimitName[]).filter((name) => ERRORS[LIMITS[name].code].trips);

  test.each(names)("%s counts where it is the install's own, and not where somebody lowered it", (name) => {
    const allowed = DEFAULT_LIMITS[name];
    const hit = (limit: number) => ({ code: LIMITS[name].code, limit: { name, used: limit + 1, allowed: limit } });
    expect(evidenceOf(hit(allowed), DEFAULT_LIMITS, DEFAULT_LIMITS)).toBe("fault");
    const lowered = { ...DEFAULT_LIMITS, [name]: allowed - 1 };
    expect(evidenceOf(hit(allowed - 1), DEFAULT_LIMITS, lowered)).toBe("nothing");
    // The same limit, narrowed by the install's operator, is its own.
    expect(evidenceOf(hit(allowed - 1), lowered, lowered)).toBe("fault");
  });

  test("a deadline of which the platform used more than a tenth does not count", () => {
    const late = (allowed: number) => ({
      code: "WALL_CLOCK_EXCEEDED" as const,
      limit: { name: "wallClock", used: allowed, allowed },
    });
    const { wallClock } = DEFAULT_LIMITS;
    expect(evidenceOf(late(wallClock * 0.95), DEFAULT_LIMITS, DEFAULT_LIMITS)).toBe("fault");
    expect(evidenceOf(late(wallClock * 0.85), DEFAULT_LIMITS, DEFAULT_LIMITS)).toBe("nothing");
  });

  test("a deadline missed while the caller sends and reads piece by piece does not count", () => {
    expect(evidenceOf({ code: "WALL_CLOCK_EXCEEDED" }, DEFAULT_LIMITS, DEFAULT_LIMITS, true)).toBe("nothing");
    expect(evidenceOf({ code: "PLUGIN_TRAPPED" }, DEFAULT_LIMITS, DEFAULT_LIMITS, true)).toBe("fault");
  });
});

test("success, and an error that the plugin reports itself, are good calls", () => {
  expect(evidenceOf(undefined, DEFAULT_LIMITS, DEFAULT_LIMITS)).toBe("good");
  expect(evidenceOf({ code: "PLUGIN_ERROR" }, DEFAULT_LIMITS, DEFAULT_LIMITS)).toBe("good");
});

test("a refusal names since when, why and when to come back", () => {
  const refusal = refusalOf(verdictOf(afterHundred("PLUGIN_TRAPPED"), null), "notes", NOW + 10_004);
  expect(refusal).toMatchObject({
    code: "BREAKER_OPEN",
    retryAfterSeconds: 20,
    detail:
      'Calls of "notes" are refused since 1970-01-12T13:46:40.004Z: it failed too often (PLUGIN_TRAPPED 5). ' +
      "The next probe is possible at 1970-01-12T13:47:10.004Z.",
  });
  const forced = { state: "open", reason: "incident", by: "olga", since: NOW } as const;
  expect(refusalOf(verdictOf(closedBreaker(NOW), forced), "notes", NOW)).toMatchObject({
    retryAfterSeconds: 600,
    breaker: { forced: true, nextProbeAt: null },
  });
});
