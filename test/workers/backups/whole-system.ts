import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { databaseOf } from "../../../durable-objects/plugin-database/client.ts";
import { contentKey, filesOf } from "../../../durable-objects/plugin-files/client.ts";
import { healthOf } from "../../../durable-objects/plugin-health/client.ts";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import type { StateOwner } from "../../../worker/control/backups/install-state-store.ts";
import { readSchema } from "../../../worker/control/backups/schema-store.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { db, seedVersion } from "../control/fixtures.ts";
import { pluginInstances } from "../../../worker/db/schema.ts";

/** A platform with everything that a restore must bring back, taken away and looked at as a whole. */

const QUOTAS = { bytes: 1_000_000, files: 100 };
const WRITTEN_AT = Date.UTC(2026, 0, 1);
/** Where packages are: content that only its digest names. */
const PACKAGES = ["packages/", "modules/", "files/"] as const;

/**
 * Installs of plugins of a tenant's own beside the one that it has, each with a package in the store, values, a table, a file and a
 * breaker that an operator forced.
 *
 * @param count  with the one that the tenant has
 */
export async function seedInstalls(tenantId: string, count: number): Promise<readonly StateOwner[]> {
  const owners: StateOwner[] = [{ tenantId, installId: `install-of-${tenantId}` }];
  for (let number = 1; number < count; number++) {
    const pluginId = `${tenantId}.plugin-${number}`;
    const versionId = await seedVersion({ tenantId, pluginId });
    const installId = `install-${number}-of-${tenantId}`;
    const made = { createdAt: WRITTEN_AT, updatedAt: WRITTEN_AT, installedBy: "olga" };
    const settings = { config: {}, configRevision: 1, limits: {} };
    await db.insert(pluginInstances).values({
      ...made,
      ...settings,
      id: installId,
      tenantId,
      pluginId,
      ownerTenantId: tenantId,
      versionId,
      state: "active",
    });
    owners.push({ tenantId, installId });
  }
  await Promise.all(owners.map(fill));
  return owners;
}

async function fill(owner: StateOwner): Promise<void> {
  const text = `of ${owner.installId}`;
  const value = new TextEncoder().encode(text);
  await storageOf(env.PLUGIN_STORAGE, owner).write(
    "storage",
    [{ key: "k", value, expiresAt: null, ifRevision: undefined }],
    QUOTAS.bytes,
    WRITTEN_AT,
  );
  await runInDurableObject(databaseOf(env.PLUGIN_DATABASE, owner), (_object, { storage }) => {
    storage.sql.exec("CREATE TABLE words (id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT)");
    storage.sql.exec("INSERT INTO words (word) VALUES (?), ('second')", text);
  });
  await healthOf(env.PLUGIN_HEALTH, owner.installId).force({ state: "open", by: "olga", reason: text });
  const [key, sha256] = [contentKey(owner, "first"), await sha256Hex(text)];
  const files = filesOf(env.PLUGIN_FILES, owner);
  await files.reserve("a.txt", key, text.length, QUOTAS);
  await env.STORE.put(key, text);
  await files.commit({ path: "a.txt", key, bytes: text.length, contentType: "text/plain", sha256, modifiedAt: 1 });
  await env.STORE.put(`packages/${sha256}`, text);
}

/** Every row of every table, what each install's objects hold, and every package of the store. */
export async function contentOfAll(owners: readonly StateOwner[]): Promise<unknown> {
  const { tables } = await readSchema(env.DB);
  const rows = await env.DB.batch(tables.map(({ name }) => env.DB.prepare(`SELECT * FROM "${name}" ORDER BY 1, 2, 3`)));
  const content = tables.map(({ name }, index) => {
    const all = (rows[index]?.results ?? []) as Record<string, unknown>[];
    return [name, all.filter((row) => !isTrace(row)).map(withoutRevision)];
  });
  const objects = await Promise.all(owners.map(stateOf));
  const packages = await Promise.all(PACKAGES.map(listed));
  return { content, objects, packages };
}

/** What a backup or restore leaves in the logs of the platform. */
function isTrace({ type, action }: Record<string, unknown>): boolean {
  return String(type ?? action).startsWith("backup.");
}

/** Revisions of snapshots only grow. */
function withoutRevision({ snapshot_revision: _revision, ...rest }: Record<string, unknown>): unknown {
  return rest;
}

async function stateOf(owner: StateOwner): Promise<unknown> {
  const value = await storageOf(env.PLUGIN_STORAGE, owner).all("storage", WRITTEN_AT);
  const words = await runInDurableObject(databaseOf(env.PLUGIN_DATABASE, owner), (_object, { storage: { sql } }) => {
    const [table] = sql.exec("SELECT name FROM sqlite_master WHERE name = 'words'");
    return table ? [...sql.exec("SELECT * FROM words"), ...sql.exec("SELECT * FROM sqlite_sequence")] : [];
  });
  const file = await filesOf(env.PLUGIN_FILES, owner).find("a.txt");
  const text = file && (await (await env.STORE.get(file.key))?.text());
  const { forced } = await healthOf(env.PLUGIN_HEALTH, owner.installId).describe();
  return { owner, value, words, text, forced };
}

async function listed(prefix: string): Promise<unknown> {
  const { objects } = await env.STORE.list({ prefix });
  return Promise.all(
    objects.map(async ({ key }) => [key, await sha256Hex((await (await env.STORE.get(key))?.text()) ?? "")]),
  );
}

/** What is left after a loss: the schema, the platform's own tenant, and the folder of backups. */
export async function emptyEverything(owners: readonly StateOwner[]): Promise<void> {
  const { tables } = await readSchema(env.DB);
  const names = ["plugin_restores", "plugin_backups", ...tables.map(({ name }) => name).toReversed()];
  await env.DB.batch([
    env.DB.prepare("PRAGMA defer_foreign_keys = on"),
    ...names.map((name) => env.DB.prepare(`DELETE FROM ${name} ${name === "tenants" ? "WHERE id <> 'patchbay'" : ""}`)),
  ]);
  await Promise.all(
    owners.flatMap((owner) => [
      storageOf(env.PLUGIN_STORAGE, owner).destroy(),
      databaseOf(env.PLUGIN_DATABASE, owner).destroy(),
      filesOf(env.PLUGIN_FILES, owner).destroy(),
      healthOf(env.PLUGIN_HEALTH, owner.installId).destroy(),
    ]),
  );
  for (const prefix of [...PACKAGES, "plugin-files/", "snapshots/"]) {
    const { objects } = await env.STORE.list({ prefix });
    if (objects.length > 0) await env.STORE.delete(objects.map(({ key }) => key));
  }
}
