import { beforeAll, describe, expect, test } from "vitest";
import type { ErrorCode } from "../../../sdk/contract/errors.ts";
import type { Limits } from "../../../sdk/contract/limits.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "./guest-installs.ts";

/** Every limit of a call, tripped through the front door by a guest made for it; the next call of the same plugin works. */

interface Hostile {
  readonly guest: string;
  readonly function?: string;
  readonly code: ErrorCode;
  readonly limit?: keyof Limits;
  readonly limits?: Partial<Limits>;
  readonly input?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

const MIB = 1024 * 1024;

const HOSTILE: readonly Hostile[] = [
  { guest: "loop", code: "FUEL_EXHAUSTED", limit: "fuel" },
  { guest: "loop-start", code: "FUEL_EXHAUSTED", limit: "fuel" },
  { guest: "loop-initialize", code: "FUEL_EXHAUSTED", limit: "fuel" },
  { guest: "echo", code: "FUEL_EXHAUSTED", limit: "fuel", options: { fuel: 0 } },
  { guest: "memory-bomb", code: "MEMORY_EXCEEDED", limit: "memory", limits: { memory: 2 * MIB } },
  { guest: "memory-bomb", function: "doubling", code: "MEMORY_EXCEEDED", limit: "memory" },
  { guest: "recursion", code: "CALL_DEPTH_EXCEEDED", limit: "callDepth" },
  { guest: "kernel-bomb", code: "KERNEL_MEMORY_EXCEEDED", limit: "kernelMemory" },
  { guest: "echo", code: "INPUT_TOO_LARGE", limit: "input", limits: { input: 4 }, input: "12345" },
  { guest: "big-output", code: "OUTPUT_TOO_LARGE", limit: "output" },
  { guest: "http", code: "HOST_CALLS_EXCEEDED", limit: "hostCalls", limits: { hostCalls: 0 } },
  { guest: "sleep", code: "WALL_CLOCK_EXCEEDED", limit: "wallClock", limits: { wallClock: 50 } },
  { guest: "host-burner", code: "WALL_CLOCK_EXCEEDED", limit: "wallClock", limits: { wallClock: 20, fuel: 100e9 } },
  { guest: "http", code: "GRANT_MISSING" },
  { guest: "trap", code: "PLUGIN_TRAPPED" },
  { guest: "swallow", code: "FUEL_EXHAUSTED", limit: "fuel" },
];

describe("hostile guests", () => {
  let token: string;

  beforeAll(async () => {
    token = await mintToken({ tenant: "acme", roles: ["caller"] });
    await installGuests("acme", [
      ...HOSTILE.map(({ guest, limits }, index) => ({
        guest,
        pluginId: `hostile-${index}`,
        ...(limits ? { limits } : {}),
      })),
      { guest: "echo", pluginId: "good" },
    ]);
  });

  async function runGood(): Promise<void> {
    const answer = await api("POST", "/api/plugins/good/execute", { token, body: { input: "still here" } });
    expect(answer.body).toMatchObject({ status: "succeeded", output: "still here" });
  }

  test.each(HOSTILE.map((hostile, index) => ({ ...hostile, index })))("$guest $function: $code", async (hostile) => {
    const body = {
      ...(hostile.function === undefined ? {} : { function: hostile.function }),
      input: hostile.input ?? "x",
      ...(hostile.options ? { options: hostile.options } : {}),
    };
    for (let attempt = 0; attempt < 2; attempt++) {
      const answer = await api("POST", `/api/plugins/hostile-${hostile.index}/execute`, { token, body });
      const problem = expectProblem(answer, hostile.code);
      expect(problem["executionId"]).toMatch(/^[0-9A-Z]{26}$/);
      expect(answer.headers.get("x-execution-id")).toBe(problem["executionId"]);
      if (hostile.limit !== undefined) {
        expect(problem["limit"]).toMatchObject({ name: hostile.limit });
        expect(problem["limit"]).toHaveProperty("used");
        expect(problem["limit"]).toHaveProperty("allowed");
      }
      await runGood();
    }
  });

  test("log text over its limit is cut, and the answer says so", async () => {
    await installGuests("noisy", [{ guest: "log-flood" }]);
    const noisy = await mintToken({ tenant: "noisy", roles: ["caller"] });
    const answer = await api("POST", "/api/plugins/log-flood/execute", {
      token: noisy,
      body: { function: "run", options: { logs: true } },
    });
    expect(answer.status).toBe(200);
    const { logs, logsTruncated } = answer.body as { logs: { text: string }[]; logsTruncated: boolean };
    expect(logsTruncated).toBe(true);
    const bytes = logs.reduce((sum, line) => sum + new TextEncoder().encode(line.text).byteLength, 0);
    expect(bytes).toBeLessThanOrEqual(65_536);
    expect(bytes).toBeGreaterThan(60_000);
  });
});
