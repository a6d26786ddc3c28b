import { introspectWorkflow, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { databaseOf } from "../../../durable-objects/plugin-database/client.ts";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { confirmationOf, planRestore, startRestore } from "../../../worker/control/backups/actions/restore.ts";
import { advance } from "../../../worker/control/backups/actions/run.ts";
import type { RestoreScope } from "../../../worker/control/backups/schema.ts";
import { readManifest } from "../../../worker/control/backups/archive-store.ts";
import { sealAuditLog, verifyAuditLog } from "../../../worker/control/audit-log/actions.ts";
import { auditRow } from "../../../worker/control/audit-log/rules.ts";
import { recordAudit } from "../../../worker/control/audit-log/store.ts";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { api } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { rowsOf, seedResources } from "../../support/workers/resources.ts";
import { backUp, backupDeps, backupOf, dyingAt, finish, restoreOf } from "./runs.ts";

const admin: Actor = { tenantId: "patchbay", subject: "root", roles: ["admin"] };
let tenants = 0;

async function seed(): Promise<string> {
  const tenantId = `tenant-${++tenants}`;
  await seedResources(tenantId);
  await write(tenantId, "first");
  return tenantId;
}

function ownerOf(tenantId: string) {
  return { tenantId, installId: `install-of-${tenantId}` };
}

async function write(tenantId: string, text: string): Promise<void> {
  const value = new TextEncoder().encode(text);
  const entry = { key: "word", value, expiresAt: null, ifRevision: undefined };
  await storageOf(env.PLUGIN_STORAGE, ownerOf(tenantId)).write("storage", [entry], 1_000_000, Date.now());
  await runInDurableObject(databaseOf(env.PLUGIN_DATABASE, ownerOf(tenantId)), (_object, { storage }) => {
    storage.sql.exec("CREATE TABLE IF NOT EXISTS words (word TEXT)");
    storage.sql.exec("INSERT INTO words VALUES (?)", text);
  });
}

/** What the install's objects hold. */
async function stored(tenantId: string): Promise<unknown> {
  const entry = await storageOf(env.PLUGIN_STORAGE, ownerOf(tenantId)).get("storage", "word", Date.now());
  const words = await runInDurableObject(databaseOf(env.PLUGIN_DATABASE, ownerOf(tenantId)), (_object, { storage }) =>
    [...storage.sql.exec("SELECT word FROM words")].map(({ word }) => word),
  );
  return [entry && new TextDecoder().decode(entry.value), words];
}

/** Rows of the tenant but for its snapshot revision, which only grows. */
async function rows(tenantId: string): Promise<unknown> {
  return JSON.parse((await rowsOf(tenantId)).replace(/"snapshot_revision":\d+/, '"snapshot_revision":0'));
}

/** What an operator and a plugin do after the backup. */
async function change(tenantId: string): Promise<void> {
  await env.DB.batch([
    env.DB.prepare("UPDATE plugin_instances SET state = 'uninstalled', config_revision = 2 WHERE tenant_id = ?").bind(
      tenantId,
    ),
    env.DB.prepare("DELETE FROM plugin_permissions WHERE tenant_id = ?").bind(tenantId),
    env.DB.prepare("DELETE FROM install_secrets WHERE tenant_id = ?").bind(tenantId),
    env.DB.prepare("INSERT INTO members (tenant_id, subject, roles, created_at) VALUES (?, 'intruder', '[]', 1)").bind(
      tenantId,
    ),
    env.DB.prepare("UPDATE tenants SET name = 'changed', snapshot_revision = snapshot_revision + 1 WHERE id = ?").bind(
      tenantId,
    ),
    env.DB.prepare("DELETE FROM plugin_executions WHERE tenant_id = ?").bind(tenantId),
  ]);
  await write(tenantId, "second");
}

async function begin(backup: string, scope: RestoreScope): Promise<string> {
  const deps = backupDeps();
  const { confirmation } = await confirmationOf(deps, admin, await planRestore(deps, backup, scope));
  return (await startRestore(deps, admin, backup, scope, confirmation)).id;
}

async function restore(backup: string, scope: RestoreScope) {
  const id = await begin(backup, scope);
  await finish({ kind: "restore", id });
  return restoreOf(id);
}

/** Rows of the audit log, sealed. */
async function audit(tenantId: string, count: number): Promise<void> {
  const deps = backupDeps();
  const made = Array.from({ length: count }, (_, index) =>
    auditRow({ ...admin, tenantId }, { action: "key.create", resourceId: `key-${index}` }, deps.newId(), 1_000),
  );
  await deps.db.batch([recordAudit(deps.db, made)]);
  await sealAuditLog(deps, tenantId);
}

describe("the audit log", () => {
  test("is in a backup with its seals, and a restore of lost rows mends its chain", async () => {
    const mine = await seed();
    await audit(mine, 6);
    const whole = { after: 0, most: 100 };
    const before = await verifyAuditLog(backupDeps(), mine, whole);
    expect(before).toMatchObject({ verified: 6, complete: true, firstBroken: undefined });
    const backup = await backUp();
    expect(backup).toMatchObject({ status: "verified" });
    const { chunks } = await readManifest(backupDeps(), backup.id, undefined);
    expect(chunks.filter(({ part }) => part === `log/${mine}/audit_seals`)).toMatchObject([{ rows: 6 }]);
    await env.DB.batch(
      ["audit_log", "audit_seals"].map((table) =>
        env.DB.prepare(`DELETE FROM ${table} WHERE tenant_id = ? AND sequence > 2`).bind(mine),
      ),
    );
    expect(await verifyAuditLog(backupDeps(), mine, whole)).toMatchObject({
      firstBroken: { sequence: 3, fault: "tail-missing" },
    });
    await restore(backup.id, { kind: "tenant", tenantId: mine });
    await sealAuditLog(backupDeps(), mine);
    const after = await verifyAuditLog(backupDeps(), mine, whole);
    expect(after).toMatchObject({ verified: 6, complete: true, firstBroken: undefined, head: before.head });
  });
});

describe("a tenant", () => {
  test("comes back row by row, and no other tenant is touched", async () => {
    const [mine, other] = [await seed(), await seed()];
    const backup = await backUp();
    const before = await rows(mine);
    await Promise.all([change(mine), change(other)]);
    const theirs = [await rowsOf(other), await stored(other)];
    const plan = await planRestore(backupDeps(), backup.id, { kind: "tenant", tenantId: mine });
    expect(plan).toMatchObject({ verified: true, tenants: [mine], installs: 1 });
    expect(plan.tables).toEqual({
      install_secrets: { added: 1, changed: 0, removed: 0, same: 0 },
      members: { added: 0, changed: 0, removed: 1, same: 1 },
      plugin_instances: { added: 0, changed: 1, removed: 0, same: 0 },
      plugin_permissions: { added: 1, changed: 0, removed: 0, same: 0 },
      tenants: { added: 0, changed: 1, removed: 0, same: 0 },
    });

    const done = await restore(backup.id, { kind: "tenant", tenantId: mine });
    expect(done).toMatchObject({ status: "completed", reason: null, counts: { tenants: 1, installs: 1 } });
    expect(await rows(mine)).toEqual(before);
    expect(await stored(mine)).toEqual(["first", ["first"]]);
    expect([await rowsOf(other), await stored(other)]).toEqual(theirs);
    const snapshot = await (await env.STORE.get(snapshotKey(mine)))?.json<Snapshot>();
    expect(snapshot?.installs[`${mine}.notes`]?.state).toBe("active");
  });

  test("comes back to what it was before the restore, from the backup that the restore made", async () => {
    const mine = await seed();
    const backup = await backUp();
    await change(mine);
    const changed = [await rows(mine), await stored(mine)];
    const { safetyBackupId } = await restore(backup.id, { kind: "tenant", tenantId: mine });
    expect(await backupOf(safetyBackupId)).toMatchObject({ trigger: "restore", scope: "tenant", status: "written" });
    await restore(safetyBackupId, { kind: "tenant", tenantId: mine });
    const [then] = changed;
    // Executions that were deleted came back with the first restore, and history is only added to.
    expect(withoutHistory(await rows(mine))).toEqual(withoutHistory(then));
    expect(await stored(mine)).toEqual(changed[1]);
  });

  function withoutHistory(tables: unknown): unknown {
    return (tables as [string, unknown][]).filter(([name]) => name !== "plugin_executions");
  }
});

describe("one plugin of a tenant", () => {
  test("comes back, and nothing else of the tenant changes", async () => {
    const mine = await seed();
    const backup = await backUp();
    await change(mine);
    await restore(backup.id, { kind: "install", tenantId: mine, pluginId: `${mine}.notes` });
    const counted = await env.DB.prepare(
      "SELECT (SELECT state FROM plugin_instances WHERE tenant_id = ?1) AS state, (SELECT count(*) FROM install_secrets WHERE tenant_id = ?1) AS secrets, (SELECT count(*) FROM members WHERE tenant_id = ?1) AS members, (SELECT name FROM tenants WHERE id = ?1) AS name",
    )
      .bind(mine)
      .first();
    expect(counted).toEqual({ state: "active", secrets: 1, members: 2, name: "changed" });
    expect(await stored(mine)).toEqual(["first", ["first"]]);
  });
});

describe("a restore", () => {
  test("is planned, confirmed and followed over HTTP, and audited", async () => {
    const mine = await seed();
    const backup = await backUp({ kind: "tenant", tenantId: mine });
    const before = await rows(mine);
    await env.DB.prepare("DELETE FROM plugin_permissions WHERE tenant_id = ?").bind(mine).run();
    const token = await mintToken({ tenant: "patchbay", subject: "root", roles: ["admin"] });
    const path = "/api/v1/plugins/migration-proof";
    const body = { backup: backup.id, scope: { kind: "tenant", tenantId: mine } };
    const plan = await api("post", `${path}/restore`, { token, body });
    expect(plan).toMatchObject({
      status: 200,
      body: { tables: { plugin_permissions: { added: 1, changed: 0, removed: 0, same: 0 } }, installs: 1 },
    });
    const { confirmation } = plan.body as { confirmation: string };
    await using introspector = await introspectWorkflow(env.BACKUP_RUNS);
    const begun = await api("post", `${path}/restore`, { token, body: { ...body, confirmation } });
    expect(begun).toMatchObject({ status: 202, body: { status: "running", phase: "safety", scope: "tenant" } });
    const [instance] = await introspector.get();
    await instance?.waitForStatus("complete");
    const { id } = begun.body as { id: string };
    expect((await api("get", `${path}/restores/${id}`, { token })).body).toMatchObject({
      status: "completed",
      phase: null,
    });
    expect(await rows(mine)).toEqual(before);
    const audited = await env.DB.prepare(
      "SELECT subject, resource_id, after FROM audit_log WHERE action = 'backup.restore' ORDER BY sequence DESC LIMIT 1",
    ).first();
    expect(audited).toMatchObject({
      subject: "root",
      resource_id: backup.id,
      after: expect.stringContaining(id) as string,
    });
    const listed = await api("get", `${path}/backups?limit=100`, { token });
    const statuses = (listed.body as { items: { id: string; status: string }[] }).items.map((item) => [
      item.id,
      item.status,
    ]);
    expect(statuses).toContainEqual([backup.id, "verified"]);
  });

  test("goes on after it was cut off at any step", async () => {
    const mine = await seed();
    const backup = await backUp();
    const before = await rows(mine);
    await change(mine);
    const id = await begin(backup.id, { kind: "tenant", tenantId: mine });
    for (let steps = 0, done = false; !done; steps++) {
      expect(steps).toBeLessThan(100);
      // Dies after its work and before it has written down that it is done.
      const deps = backupDeps();
      await advance({ ...deps, db: dyingAt(deps.db) }, { kind: "restore", id }).catch(() => undefined);
      done = await advance(backupDeps(), { kind: "restore", id });
    }
    expect(await restoreOf(id)).toMatchObject({ status: "completed" });
    expect(await rows(mine)).toEqual(before);
    expect(await stored(mine)).toEqual(["first", ["first"]]);
  });

  test("needs a confirmation of what it would do", async () => {
    const mine = await seed();
    const backup = await backUp({ kind: "tenant", tenantId: mine });
    const scope = { kind: "tenant", tenantId: mine } as const;
    const deps = backupDeps();
    const { confirmation } = await confirmationOf(deps, admin, await planRestore(deps, backup.id, scope));
    await expect(
      startRestore(deps, { ...admin, subject: "eve" }, backup.id, scope, confirmation),
    ).rejects.toMatchObject({
      code: "RESTORE_REFUSED",
    });
    await change(mine);
    await expect(startRestore(deps, admin, backup.id, scope, confirmation)).rejects.toMatchObject({
      code: "RESTORE_REFUSED",
    });
    const late = { ...deps, clock: { now: () => Date.now() + 11 * 60_000 } };
    const again = await confirmationOf(deps, admin, await planRestore(deps, backup.id, scope));
    await expect(startRestore(late, admin, backup.id, scope, again.confirmation)).rejects.toMatchObject({
      code: "RESTORE_REFUSED",
      message: "The confirmation has expired; look at the plan again.",
    });
    await startRestore(deps, admin, backup.id, scope, again.confirmation);
    await expect(startRestore(deps, admin, backup.id, scope, again.confirmation)).rejects.toMatchObject({
      code: "STATE_CONFLICT",
    });
  });

  test("of what the backup does not hold is refused", async () => {
    const [mine, other] = [await seed(), await seed()];
    const backup = await backUp({ kind: "tenant", tenantId: mine });
    const refusals: RestoreScope[] = [
      { kind: "system" },
      { kind: "tenant", tenantId: other },
      { kind: "install", tenantId: mine, pluginId: "acme.none" },
    ];
    for (const scope of refusals) {
      await expect(planRestore(backupDeps(), backup.id, scope)).rejects.toMatchObject({ code: "RESTORE_REFUSED" });
    }
  });

  test("of a newer database says what to do", async () => {
    const backup = await backUp({ kind: "tenant", tenantId: await seed() });
    const { results } = await env.DB.prepare("SELECT * FROM d1_migrations ORDER BY id DESC LIMIT 1").all<{
      id: number;
      name: string;
    }>();
    const [last] = results;
    await env.DB.prepare("UPDATE d1_migrations SET name = 'older' WHERE id = ?").bind(last?.id).run();
    try {
      await expect(planRestore(backupDeps(), backup.id, { kind: "system" })).rejects.toMatchObject({
        code: "BACKUP_UNREADABLE",
        message: expect.stringContaining("npm run deploy applies migrations") as string,
      });
    } finally {
      await env.DB.prepare("UPDATE d1_migrations SET name = ? WHERE id = ?").bind(last?.name, last?.id).run();
    }
  });
});
