import { describe, expect, test } from "vitest";
import { DEFAULT_RETRY, parseRetryAfter, retryDelay, type Attempt } from "../../../sdk/client/retry-rules.ts";

const GET: Attempt = { number: 1, method: "GET", keyed: false, repeatable: true };
const POST: Attempt = { ...GET, method: "POST" };

describe("retryDelay", () => {
  test.each([
    ["a read that found the server away", GET, { status: 503 }, 100],
    ["a read without an answer", GET, {}, 100],
    ["the third attempt, twice as late each time", { ...GET, number: 3 }, { status: 502 }, 400],
    ["the last attempt", { ...GET, number: 4 }, { status: 503 }, undefined],
    ["an answer about the request", GET, { status: 409 }, undefined],
    ["a failure that stays", GET, { status: 500 }, undefined],
    ["a write that may have happened", POST, { status: 503 }, undefined],
    ["a write without an answer", POST, {}, undefined],
    ["a write that was not begun", POST, { status: 429 }, 100],
    ["a write with a key", { ...POST, keyed: true }, { status: 503 }, 100],
    ["a write whose effect is the same twice", { ...POST, method: "PUT" }, {}, 100],
    ["a body that is gone", { ...GET, method: "PUT", repeatable: false }, { status: 503 }, undefined],
    ["a server that asks for time", GET, { status: 503, retryAfterMs: 3_000 }, 3_000],
    ["a server that asks for too much", GET, { status: 503, retryAfterMs: 60_000 }, undefined],
  ])("%s", (_, attempt, outcome, delay) => {
    expect(retryDelay(DEFAULT_RETRY, attempt, outcome, 0)).toBe(delay);
  });

  test("is spread over half of the wait", () => {
    expect(retryDelay(DEFAULT_RETRY, GET, {}, 0.999)).toBeCloseTo(199.9);
  });

  test("never passes the longest wait", () => {
    const policy = { ...DEFAULT_RETRY, attempts: 30 };
    expect(retryDelay(policy, { ...GET, number: 20 }, {}, 0)).toBe(policy.maximumMs);
  });
});

test.each([
  [null, undefined],
  ["12", 12_000],
  ["Thu, 01 Jan 1970 00:00:30 GMT", 20_000],
  ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
  ["soon", undefined],
])("Retry-After %s", (header, found) => {
  expect(parseRetryAfter(header, 10_000)).toBe(found);
});
