import { describe, expect, test } from "vitest";
import { PlatformError, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { retryDelay, withRetries, type RetryDeps } from "../../../worker/execution/idempotency/retry.ts";

const START = 1_000_000;

/** Time passes only by pausing. */
function bench(randomByte = 0): { readonly deps: RetryDeps; readonly pauses: number[] } {
  const pauses: number[] = [];
  let now = START;
  const pause = (milliseconds: number): Promise<void> => {
    pauses.push(milliseconds);
    now += milliseconds;
    return Promise.resolve();
  };
  return { pauses, deps: { clock: { now: () => now }, randomBytes: (n) => new Uint8Array(n).fill(randomByte), pause } };
}

/** Fails so many times with the code, then answers with the number of tries. */
function attempts(code: ErrorCode, failures: number): () => Promise<number> {
  let tries = 0;
  return () => (++tries > failures ? Promise.resolve(tries) : Promise.reject(new PlatformError(code, `try ${tries}`)));
}

describe("withRetries", () => {
  test.each([
    { failures: 0, pauses: [] },
    { failures: 1, pauses: [25] },
    { failures: 2, pauses: [25, 100] },
  ])("$failures failure(s) of the platform, then an answer", async ({ failures, pauses }) => {
    const { deps, pauses: found } = bench();
    expect(await withRetries(deps, START + 5_000, attempts("MODULE_UNAVAILABLE", failures))).toBe(failures + 1);
    expect(found).toEqual(pauses);
  });

  test("waits longer by chance, at most twice as long", async () => {
    const { deps, pauses } = bench(255);
    await withRetries(deps, START + 5_000, attempts("SNAPSHOT_UNAVAILABLE", 2));
    expect(pauses).toEqual([50, 200]);
  });

  test("gives up after the third try with what that said", async () => {
    const { deps, pauses } = bench();
    await expect(withRetries(deps, START + 5_000, attempts("MODULE_UNAVAILABLE", 9))).rejects.toMatchObject({
      code: "MODULE_UNAVAILABLE",
      message: "try 3",
    });
    expect(pauses).toEqual([25, 100]);
  });

  test.each([
    { left: 25, tries: 1 },
    { left: 26, tries: 2 },
    { left: 125, tries: 2 },
    { left: 126, tries: 3 },
  ])("with $left ms left tries $tries time(s)", async ({ left, tries }) => {
    await expect(withRetries(bench().deps, START + left, attempts("MODULE_UNAVAILABLE", 9))).rejects.toMatchObject({
      message: `try ${tries}`,
    });
  });

  test.each<ErrorCode>([
    "ISOLATE_UNAVAILABLE",
    "ISOLATE_BUSY",
    "INTEGRITY_FAILED",
    "INTERNAL",
    "PLUGIN_TRAPPED",
    "WALL_CLOCK_EXCEEDED",
    "NOT_READY",
  ])("%s is final", async (code) => {
    const { deps, pauses } = bench();
    await expect(withRetries(deps, START + 5_000, attempts(code, 9))).rejects.toMatchObject({ message: "try 1" });
    expect(pauses).toEqual([]);
  });

  test("an error that is not ours is final", () => {
    expect(retryDelay(new Error("x"), 1, 0)).toBeUndefined();
  });
});
