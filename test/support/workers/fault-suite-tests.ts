import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { routes } from "../../../worker/routes.ts";
import { api } from "./api.ts";
import { flawsOf } from "./fault-suite.ts";
import { mintToken } from "./tokens.ts";

/** Longest that all faults of one operation take on a busy machine. Milliseconds. */
const TIMEOUT_MS = 120_000;

/** The tests of every second operation, so that two workers share them all. @param half  0 or 1 */
export function tryEverySecondOperation(half: 0 | 1): void {
  const tried = routes.filter((_, at) => at % 2 === half);

  beforeAll(async () => {
    // Only what a test audits is to be audited.
    const token = await mintToken({ tenant: PLATFORM_TENANT, roles: ["admin"] });
    const body = { audit: { continuous: false } };
    expect((await api("put", "/api/v1/admin/settings", { token, body })).status).toBe(200);
  });
  beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());
  afterEach(() => vi.restoreAllMocks());

  describe("under every fault of what it touches", () => {
    test.each(tried.map((route) => ({ id: route.operationId, route })))(
      "$id keeps its word",
      async ({ route }) => expect(await flawsOf(route)).toEqual([]),
      TIMEOUT_MS,
    );
  });
}
