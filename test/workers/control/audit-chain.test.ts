import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import {
  checkAuditLog,
  sealAuditLog,
  sealAuditLogs,
  verifyAuditLog,
} from "../../../worker/control/audit-log/actions.ts";
import { sealPage } from "../../../worker/control/audit-log/chain-store.ts";
import { auditRow } from "../../../worker/control/audit-log/rules.ts";
import { recordAudit } from "../../../worker/control/audit-log/store.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { commit } from "../../../worker/db/client.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { api } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { db, makeDeps, seedTenant } from "./fixtures.ts";

const WHOLE = { after: 0, most: 1_000 };
const TRIGGERS = ["audit_log", "audit_seals"] as const;

let actor: Actor;
let tenant: string;
const deps = makeDeps();

async function write(count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) =>
    auditRow(actor, { action: "key.create", resourceId: `key-${index}`, after: { index } }, deps.newId(), 1_000),
  );
  await commit(db, recordAudit(db, rows));
}

/** Somebody who can do anything to the database, and takes its triggers away first. */
async function tamper(...statements: readonly string[]): Promise<void> {
  for (const table of TRIGGERS) await env.DB.exec(`DROP TRIGGER IF EXISTS ${table}_append_only`);
  for (const text of statements) await env.DB.prepare(text.replaceAll(":tenant", `'${tenant}'`)).run();
}

/** Makes all seals anew, as the platform does: somebody who knows how, but cannot write to the store. */
async function sealAnew(): Promise<void> {
  await tamper("DELETE FROM audit_seals WHERE tenant_id = :tenant");
  while ((await sealPage(db, tenant, 1)).more);
}

const verify = () => verifyAuditLog(deps, tenant, WHOLE);
const broken = async () => (await verify()).firstBroken;

async function toldOf(): Promise<unknown[]> {
  const { results } = await env.DB.prepare(
    "SELECT data FROM plugin_events WHERE tenant_id = ? AND type = 'audit-log.broken' ORDER BY sequence",
  )
    .bind(tenant)
    .all<{ data: string }>();
  return results.map(({ data }) => JSON.parse(data));
}

beforeEach(async () => {
  actor = await seedTenant();
  tenant = actor.tenantId;
  await write(5);
  await sealAuditLog(deps, tenant);
});

test("rows are sealed in order, and all of them are found to be as they were", async () => {
  expect(await verify()).toEqual({
    verified: 5,
    through: 5,
    sealed: 5,
    complete: true,
    firstBroken: undefined,
    unsealed: { rows: 0, since: null },
    head: { sequence: 5, hash: expect.stringMatching(/^[0-9a-f]{64}$/), at: deps.clock.now() },
  });
  await write(2);
  expect(await verify()).toMatchObject({ verified: 5, complete: true, unsealed: { rows: 2, since: 1_000 } });
});

test("a hash is made of the one before and of the row as the page about the log says", async () => {
  const { results: rows } = await env.DB.prepare("SELECT * FROM audit_log WHERE tenant_id = ? ORDER BY sequence")
    .bind(tenant)
    .all<Record<string, string>>();
  const names =
    "tenant_id sequence id action resource resource_id subject actor_tenant_id roles before after trace_id at";
  let hash = "0".repeat(64);
  for (const row of rows) {
    const text = `${hash}\n${JSON.stringify(names.split(" ").map((name) => row[name]))}`;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    hash = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  expect((await verify()).head?.hash).toBe(hash);
});

test("two who seal at once make one chain", async () => {
  await write(450);
  await Promise.all([1, 2, 3].map(() => sealAuditLog(deps, tenant)));
  await sealAuditLog(deps, tenant);
  expect(await verify()).toMatchObject({ verified: 455, firstBroken: undefined, head: { sequence: 455 } });
});

test("the database refuses to change a row or a seal", async () => {
  const refused = (table: string) => env.DB.prepare(`UPDATE ${table} SET sequence = sequence + 100`).run();
  await expect(refused("audit_log")).rejects.toThrow("append-only");
  await expect(refused("audit_seals")).rejects.toThrow("append-only");
});

describe("is found and named:", () => {
  const each = "UPDATE audit_log SET";
  const of = "WHERE tenant_id = :tenant AND sequence";
  const set = (sequence: number, to: number): string => `${each} sequence = ${to} ${of} = ${sequence}`;

  test.each([
    ["another subject", `${each} subject = 'eve' ${of} = 3`],
    ["another action", `${each} action = 'key.revoke' ${of} = 3`],
    ["another resource", `${each} resource = 'tenant' ${of} = 3`],
    ["another id of the resource", `${each} resource_id = 'key-9' ${of} = 3`],
    ["another tenant of the subject", `${each} actor_tenant_id = 'x' ${of} = 3`],
    ["other roles", `${each} roles = '[]' ${of} = 3`],
    ["another state before", `${each} before = '{}' ${of} = 3`],
    ["another state after", `${each} after = NULL ${of} = 3`],
    ["another request", `${each} trace_id = 'x' ${of} = 3`],
    ["another time", `${each} at = at + 1 ${of} = 3`],
    ["another hash", `UPDATE audit_seals SET hash = 'x' ${of} = 3`],
  ])("%s", async (_what, text) => {
    await tamper(text);
    expect(await verify()).toMatchObject({ verified: 2, firstBroken: { sequence: 3, fault: "row-changed" } });
  });

  test.each([
    ["another id", { sequence: 3, fault: "row-moved" }, [`${each} id = 'x' || :tenant ${of} = 3`]],
    ["a row deleted", { sequence: 3, fault: "row-missing" }, [`DELETE FROM audit_log ${of} = 3`]],
    ["the first row deleted", { sequence: 1, fault: "row-missing" }, [`DELETE FROM audit_log ${of} = 1`]],
    ["the last row deleted", { sequence: 5, fault: "row-missing" }, [`DELETE FROM audit_log ${of} = 5`]],
    [
      "a row deleted and those after it renumbered",
      { sequence: 3, fault: "row-moved" },
      [`DELETE FROM audit_log ${of} = 3`, set(4, 3), set(5, 4)],
    ],
    ["two rows swapped", { sequence: 2, fault: "row-moved" }, [set(2, 99), set(4, 2), set(99, 4)]],
    [
      "a row moved to another tenant",
      { sequence: 3, fault: "row-missing" },
      [`${each} tenant_id = 'other-' || :tenant ${of} = 3`],
    ],
    ["a row before the first", { sequence: 0, fault: "row-added" }, [added(0)]],
    ["a row between two", { sequence: 2.5, fault: "row-added" }, [added(2.5)]],
    ["a seal deleted", { sequence: 3, fault: "seal-missing" }, [`DELETE FROM audit_seals ${of} = 3`]],
    ["the last seals deleted", { sequence: 4, fault: "seal-missing" }, [`DELETE FROM audit_seals ${of} > 3`]],
    [
      "the end cut off, with its seals",
      { sequence: 4, fault: "tail-missing" },
      [`DELETE FROM audit_log ${of} > 3`, `DELETE FROM audit_seals ${of} > 3`],
    ],
    [
      "everything deleted",
      { sequence: 1, fault: "tail-missing" },
      [`DELETE FROM audit_log ${of} > 0`, `DELETE FROM audit_seals ${of} > 0`],
    ],
  ] as const)("%s", async (_what, fault, statements) => {
    await tamper(...statements);
    expect(await broken()).toEqual(fault);
    await sealAuditLog(deps, tenant); // whatever comes next hides nothing
    expect((await verify()).head).toMatchObject({ sequence: 5 });
  });

  function added(sequence: number): string {
    const columns = "action, resource, resource_id, subject, actor_tenant_id, roles, before, after, trace_id, at";
    return `INSERT INTO audit_log (id, tenant_id, ${columns}, sequence) SELECT 'new-' || id, tenant_id, ${columns}, ${sequence} FROM audit_log WHERE tenant_id = :tenant AND sequence = 1`;
  }

  test("a gap among rows that are not sealed yet, and nothing is sealed behind it", async () => {
    await write(3);
    await tamper(`DELETE FROM audit_log ${of} = 7`);
    expect(await broken()).toEqual({ sequence: 7, fault: "row-missing" });
    await sealAuditLog(deps, tenant);
    expect(await verify()).toMatchObject({ sealed: 6, firstBroken: { sequence: 7, fault: "row-missing" } });
  });

  test("rows and seals made anew, and the head is not moved over them", async () => {
    await tamper(`${each} subject = 'eve' ${of} = 2`);
    await sealAnew();
    expect(await verify()).toMatchObject({ verified: 5, firstBroken: { sequence: 5, fault: "rewritten" } });
    await write(3);
    await sealAuditLog(deps, tenant);
    expect(await verify()).toMatchObject({ firstBroken: { sequence: 5, fault: "rewritten" }, head: { sequence: 5 } });
  });

  test("the end cut off and grown again", async () => {
    await tamper(`DELETE FROM audit_log ${of} > 3`, `DELETE FROM audit_seals ${of} > 3`);
    await write(4);
    await sealAuditLog(deps, tenant);
    expect(await verify()).toMatchObject({ verified: 7, firstBroken: { sequence: 5, fault: "rewritten" } });
  });

  test("a head that is gone or is none", async () => {
    const { objects } = await env.STORE.list({ prefix: `audit-heads/${tenant}/` });
    const key = objects[0]?.key ?? "";
    await env.STORE.put(key, "{}");
    expect(await broken()).toEqual({ sequence: 5, fault: "head-unreadable" });
    await env.STORE.delete(key);
    expect(await broken()).toEqual({ sequence: 5, fault: "head-missing" });
    await sealAuditLogs(deps);
    expect(await broken()).toEqual({ sequence: 5, fault: "head-missing" });
  });
});

test("rows come back, and with them the chain", async () => {
  await tamper(
    "CREATE TABLE IF NOT EXISTS kept_rows AS SELECT * FROM audit_log WHERE tenant_id = :tenant",
    "DELETE FROM audit_log WHERE tenant_id = :tenant AND sequence > 2",
    "DELETE FROM audit_seals WHERE tenant_id = :tenant",
    "INSERT OR IGNORE INTO audit_log SELECT * FROM kept_rows WHERE tenant_id = :tenant",
    "DROP TABLE kept_rows",
  );
  await sealAuditLog(deps, tenant);
  expect(await verify()).toMatchObject({ verified: 5, complete: true, firstBroken: undefined });
});

test("the cron job seals what nobody came by to seal, and a new day has a head of its own", async () => {
  await write(2);
  deps.advance(24 * 3_600_000);
  await sealAuditLogs(deps);
  expect(await verify()).toMatchObject({ verified: 7, head: { sequence: 7 }, unsealed: { rows: 0 } });
  const { objects } = await env.STORE.list({ prefix: `audit-heads/${tenant}/` });
  expect(objects).toHaveLength(2);
});

test("a log that cannot be sealed keeps no other from it, and the job says so", async () => {
  await write(1);
  const failing = tenant;
  actor = await seedTenant();
  tenant = actor.tenantId;
  await write(2);
  const list = (options: R2ListOptions): Promise<R2Objects> =>
    options.prefix?.includes(`/${failing}/`) === true ? Promise.reject(new Error("away")) : env.STORE.list(options);
  const STORE = Object.create(env.STORE, {
    list: { value: list },
    get: { value: env.STORE.get.bind(env.STORE) },
    put: { value: env.STORE.put.bind(env.STORE) },
  }) as R2Bucket; // one method replaced
  await expect(sealAuditLogs({ ...deps, env: { STORE } })).rejects.toThrow(`could not be sealed: ${failing}`);
  expect((await verify()).head).toMatchObject({ sequence: 2 });
  await sealAuditLogs(deps);
  expect((await verifyAuditLog(deps, failing, WHOLE)).head).toMatchObject({ sequence: 6 });
});

test("a check goes on where the one before it ended, and tells once what it finds", async () => {
  await tamper("UPDATE audit_log SET subject = 'eve' WHERE tenant_id = :tenant AND sequence = 4");
  expect(await checkAuditLog(deps, tenant, 3)).toBe(3);
  expect(await toldOf()).toEqual([]);
  expect(await checkAuditLog(deps, tenant, 3)).toBe(0);
  const found = { sequence: 4, fault: "row-changed" };
  expect(await toldOf()).toEqual([found]);
  await checkAuditLog(deps, tenant, 100);
  expect(await toldOf()).toEqual([found]);
  await tamper("DELETE FROM audit_log WHERE tenant_id = :tenant AND sequence = 2");
  await checkAuditLog(deps, tenant, 100);
  expect(await toldOf()).toEqual([found, { sequence: 2, fault: "row-missing" }]);
});

test("the API answers what was found, of the caller's tenant only", async () => {
  await compileSnapshot(deps, tenant);
  const token = await mintToken({ tenant, roles: ["viewer"] });
  const path = "/api/plugins/audit-logs/verify";
  const whole = await api("get", path, { token });
  expect(whole.body).toMatchObject({ verified: 5, sealed: 5, complete: true, next: null, head: { sequence: 5 } });
  expect(whole.body).not.toHaveProperty("firstBroken");
  expect((await api("get", `${path}?after=2`, { token })).body).toMatchObject({ verified: 3, complete: true });
  expect((await api("get", `${path}?after=x`, { token })).status).toBe(400);
  await tamper("DELETE FROM audit_log WHERE tenant_id = :tenant AND sequence = 2");
  expect((await api("get", path, { token })).body).toMatchObject({
    verified: 1,
    next: null,
    firstBroken: { sequence: 2, fault: "row-missing", detail: "The row is gone." },
  });
});

test("the chain's work comes behind the write, and costs the same however long the log is", async () => {
  const ROUNDS = 40;
  const [writes, seals]: [number[], number[]] = [[], []];
  const timed = async (times: number[], work: () => Promise<void>): Promise<void> => {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  };
  const sealed = async (): Promise<unknown> =>
    env.DB.prepare("SELECT count(*) AS count FROM audit_seals WHERE tenant_id = ?").bind(tenant).first("count");
  await sealAuditLog(deps, tenant);
  const before = await sealed();
  for (let round = 0; round < ROUNDS; round++) {
    await timed(writes, () => write(1));
    if (round === 0) expect(await sealed()).toBe(before);
    await timed(seals, () => sealAuditLog(deps, tenant));
    await (round === ROUNDS / 2 ? write(500) : Promise.resolve());
    await (round === ROUNDS / 2 ? sealAuditLog(deps, tenant) : Promise.resolve());
  }
  const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;
  const [short, long] = [median(seals.slice(2, ROUNDS / 2)), median(seals.slice(-ROUNDS / 3))];
  console.info(
    `a write with its audit row ${median(writes).toFixed(1)} ms; behind it the chain ${median(seals).toFixed(1)} ms (${(median(seals) / median(writes)).toFixed(1)} x); with 500 rows more ${(long / short).toFixed(2)} x`,
  );
  expect(median(seals) / median(writes)).toBeLessThan(25);
  expect(long / short).toBeLessThan(5);
  expect(await verify()).toMatchObject({ complete: true, firstBroken: undefined });
});
