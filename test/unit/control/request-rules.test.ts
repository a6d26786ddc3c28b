import { describe, expect, test } from "vitest";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../sdk/contract/limits.ts";
import { PLANS } from "../../../sdk/contract/plans.ts";
import { requireNarrower } from "../../../worker/control/installs/request-rules.ts";

function issuesOf(manifest: Partial<Limits>, asked: Partial<Limits>): unknown {
  try {
    return requireNarrower({ limits: manifest }, asked, PLANS.pro);
  } catch (error) {
    return error instanceof PlatformError ? [error.code, ...(error.issues ?? [])] : error;
  }
}

describe("requireNarrower", () => {
  test.each([{}, { fuel: 0 }, { fuel: DEFAULT_LIMITS.fuel, wallClock: 1 }, { memory: DEFAULT_LIMITS.memory }])(
    "%j is narrow enough",
    (asked) => {
      expect(issuesOf({}, asked)).toBeUndefined();
    },
  );

  test("wider limits are refused, each by name", () => {
    expect(issuesOf({ fuel: 10 }, { fuel: 11, input: 1_048_577 })).toEqual([
      "REQUEST_INVALID",
      { path: "/limits/fuel", message: "must be at most 10, what version and plan give; found 11" },
      { path: "/limits/input", message: "must be at most 1048576, what version and plan give; found 1048577" },
    ]);
  });

  test("what is built into the module cannot be narrowed afterwards", () => {
    expect(issuesOf({ memory: 2_097_152 }, { memory: 1_048_576 })).toEqual([
      "REQUEST_INVALID",
      { path: "/limits/memory", message: "is built into the module at upload as 2097152; found 1048576" },
    ]);
  });
});
