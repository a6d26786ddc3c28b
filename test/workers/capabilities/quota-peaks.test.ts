import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import type { Grants } from "../../../sdk/contract/grants.ts";
import type { UserFunction } from "../../../sdk/contract/user-functions.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { CallBridge } from "../../../worker/execution/bridge.ts";
import { CallLedger } from "../../../worker/execution/call-ledger.ts";
import { BufferedStreams } from "../../../worker/execution/call-streams.ts";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import { CONTEXT } from "../../support/guests/call-context.ts";
import { REACH } from "../../support/guests/tenant-reach.ts";

/** What the record of a call carries of quotas and refusals. */

const GRANTS: Grants = { storage: { quotas: { valueBytes: 50 } }, cache: {}, database: {}, files: {}, crypto: {} };
const bytes = (length: number) => new Uint8Array(length);

async function usesOf(installId: string, calls: readonly (readonly [UserFunction, object, Uint8Array?])[]) {
  const ledger = new CallLedger();
  const deps = createDeps(env, { waitUntil: () => undefined }, undefined, createResident());
  const bridge = new CallBridge({
    context: { ...CONTEXT, installId },
    grants: GRANTS,
    services: deps.capabilities,
    reach: REACH,
    ledger,
    streams: new BufferedStreams(new Uint8Array(), DEFAULT_LIMITS),
  });
  for (const [name, request, body] of calls) {
    // oxlint-disable-next-line no-await-in-loop -- what is held grows from one to the next
    await bridge.call({ name, request: new TextEncoder().encode(JSON.stringify(request)), body });
  }
  return Object.fromEntries(ledger.uses.map(({ capability, ...use }) => [capability, use]));
}

test("the most that was used of each quota, and what the install holds", async () => {
  const uses = await usesOf("peaks", [
    ["storage_set", { key: "a" }, bytes(40)],
    ["storage_set", { key: "b" }, bytes(10)],
    ["cache_set", { key: "a" }, bytes(30)],
    ["files_put", { path: "a" }, bytes(70)],
    ["files_put", { path: "b" }, bytes(20)],
    ["database_query", { sql: "CREATE TABLE t (x)" }],
    ["database_query", { sql: "VALUES (1), (2), (3)" }],
    ["crypto_key_create", { name: "k", kind: "aes-256-gcm" }],
  ]);
  const size = expect.any(Number) as number;
  expect(uses["storage"]?.peaks).toEqual({ valueBytes: 40, bytes: size });
  expect(uses["storage"]?.peaks?.["bytes"]).toBeGreaterThan(50);
  expect(uses["cache"]?.peaks).toEqual({ valueBytes: 30, bytes: size });
  expect(uses["files"]?.peaks).toEqual({ fileBytes: 70, bytes: 90, files: 2 });
  expect(uses["database"]?.peaks).toEqual({ bytes: size, rows: 3, rowsRead: size });
  expect(uses["crypto"]?.peaks).toMatchObject({ keys: 1, operations: 1 });
  expect(uses["storage"]).not.toHaveProperty("refusals");
});

test("what was refused, with its error, and no peak of it", async () => {
  const uses = await usesOf("refused", [
    ["storage_set", { key: "a" }, bytes(10)],
    ["storage_set", { key: "a" }, bytes(51)],
    ["http_send", { url: "https://example.com" }],
    ["http_send", { url: "https://example.com" }],
  ]);
  expect(uses["storage"]).toMatchObject({ refused: 1, refusals: { CAPABILITY_QUOTA_EXCEEDED: 1 } });
  expect(uses["storage"]?.peaks).toMatchObject({ valueBytes: 10 });
  expect(uses["http"]).toMatchObject({ refused: 2, refusals: { GRANT_MISSING: 2 } });
});
