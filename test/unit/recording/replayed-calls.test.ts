import { describe, expect, test } from "vitest";
import type { HostRequest } from "../../../sdk/contract/user-functions.ts";
import { ReplayedCalls } from "../../../worker/execution/recording/replayed-calls.ts";
import { SAMPLE_EXCHANGES } from "./sample-recording.ts";

const [first, second] = SAMPLE_EXCHANGES.map(({ request }) => request) as [HostRequest, HostRequest]; // two are there

describe("recorded answers", () => {
  test("are given in order", async () => {
    const calls = new ReplayedCalls(SAMPLE_EXCHANGES);
    expect(await calls.call(first)).toBe(SAMPLE_EXCHANGES[0]?.answer);
    expect(calls.difference).toEqual({
      recorded: "call 2: http_send, request of 0 bytes, no body",
      replayed: null,
    });
    expect(await calls.call(second)).toBe(SAMPLE_EXCHANGES[1]?.answer);
    expect(calls.difference).toBeUndefined();
  });

  test.each<[string, HostRequest]>([
    ["another function", { ...first, name: "http_send" }],
    ["another request", { ...first, request: Uint8Array.of(1) }],
    ["another body", { ...first, body: Uint8Array.of(1, 2, 4) }],
    ["no body", { ...first, body: undefined }],
  ])("are not given to %s, nor to anything after it", async (_case, request) => {
    const calls = new ReplayedCalls(SAMPLE_EXCHANGES);
    await expect(calls.call(request)).rejects.toThrow("no answer");
    await expect(calls.call(first)).rejects.toThrow("no answer");
    expect(calls.difference?.recorded).toBe("call 1: crypto_digest, request of 2 bytes, body of 3 bytes");
    expect(calls.difference?.replayed).toMatch(/^call 1: /);
  });

  test("end: one call more is a difference", async () => {
    const calls = new ReplayedCalls([]);
    await expect(calls.call(first)).rejects.toThrow("no answer");
    expect(calls.difference).toEqual({
      recorded: null,
      replayed: "call 1: crypto_digest, request of 2 bytes, body of 3 bytes",
    });
  });
});
