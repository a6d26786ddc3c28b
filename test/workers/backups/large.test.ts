import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { contentKey, filesOf } from "../../../durable-objects/plugin-files/client.ts";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { confirmationOf, planRestore, startRestore } from "../../../worker/control/backups/actions/restore.ts";
import { advance, type Run } from "../../../worker/control/backups/actions/run.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { throughFaults } from "../../support/workers/faulty-bindings.ts";
import { seedResources } from "../../support/workers/resources.ts";
import { backupDeps, backupOf, begin, dyingAt, restoreOf } from "./runs.ts";

/** A tenant of more than 20 MiB: no step holds more than a few chunks of it, and all of it is of one moment. */

const TENANT = "large";
const OWNER = { tenantId: TENANT, installId: `install-of-${TENANT}` };
const MIB = 1024 * 1024;
const ROW_BYTES = 40_000;
const ROWS = 350;
const FILE_BYTES = 6 * MIB;
/** Bytes that one step may read: a few chunks. */
const STEP_BYTES = 16 * MIB;
const admin = { tenantId: "patchbay", subject: "root", roles: ["admin"] } as const;

beforeAll(async () => {
  await seedResources(TENANT);
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
     INSERT INTO config_templates (tenant_id, plugin_id, name, description, "values", author, created_at, updated_at)
     SELECT ?, 'large.notes', 'template-' || i, '', json_object('text', hex(randomblob(${ROW_BYTES / 2})), 'quoted', '"é\n' || i), 'olga', 1000, 1000 FROM n`,
  )
    .bind(TENANT)
    .run();
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
     INSERT INTO plugin_events (id, tenant_id, plugin_id, type, data, subject, created_at, sequence)
     SELECT 'event-' || i, ?, '', 'plugin.updated', json_object('text', hex(randomblob(${ROW_BYTES / 2}))), 'olga', 1, i FROM n`,
  )
    .bind(TENANT)
    .run();
  const storage = storageOf(env.PLUGIN_STORAGE, OWNER);
  for (let key = 0; key < 6; key++) {
    const value = crypto.getRandomValues(new Uint8Array(60_000));
    await storage.write("storage", [{ key: `k${key}`, value, expiresAt: null, ifRevision: undefined }], 8 * MIB, 1);
  }
  const bytes = new Uint8Array(FILE_BYTES).map((_, index) => (index * index) % 251);
  const key = contentKey(OWNER, "large");
  const files = filesOf(env.PLUGIN_FILES, OWNER);
  await files.reserve("large.bin", key, FILE_BYTES, { bytes: 2 * FILE_BYTES, files: 10 });
  await env.STORE.put(key, bytes);
  const type = { contentType: "application/octet-stream", modifiedAt: 1 };
  await files.commit({ path: "large.bin", key, bytes: FILE_BYTES, sha256: await sha256Hex(bytes), ...type });
});

/** Digests of everything that the tenant has. */
async function content(): Promise<unknown> {
  const tables = ["config_templates", "plugin_events", "members", "plugin_instances", "plugin_versions"];
  const rows = await Promise.all(
    tables.map(async (table) => {
      const all = env.DB.prepare(`SELECT * FROM ${table} WHERE tenant_id = ? ORDER BY 1, 2, 3`);
      const { results } = await all.bind(TENANT).all();
      return [table, results.length, await sha256Hex(JSON.stringify(results))];
    }),
  );
  const values = await storageOf(env.PLUGIN_STORAGE, OWNER).all("storage", 2);
  const file = await filesOf(env.PLUGIN_FILES, OWNER).find("large.bin");
  const bytes = await (await env.STORE.get(file?.key ?? ""))?.arrayBuffer();
  return [rows, values, bytes && (await sha256Hex(new Uint8Array(bytes)))];
}

/** Takes each step twice, since the first try dies before its end is known. @returns the most bytes that one read from D1 and R2 */
async function metered(run: Run, between: () => Promise<unknown> = () => Promise.resolve()): Promise<number> {
  let [most, read] = [0, 0];
  const through = async <T>(operation: string, take: () => Promise<T>): Promise<T> => {
    const answer = await take();
    if (operation === "get") read += (answer as R2Object | null)?.size ?? 0;
    else if (["first", "all", "run", "batch"].includes(operation)) read += JSON.stringify(answer)?.length ?? 0;
    return answer;
  };
  const DB = throughFaults(env.DB, "database", through) as D1Database;
  const STORE = throughFaults(env.STORE, "bucket", through) as R2Bucket;
  for (let done = false; !done;) {
    const dying = backupDeps();
    await advance({ ...dying, db: dyingAt(dying.db) }, run).catch(() => undefined);
    read = 0;
    [done] = await Promise.all([advance(backupDeps({ DB, STORE }), run), between()]);
    most = Math.max(most, read);
  }
  return most;
}

async function asideCount(): Promise<unknown> {
  return env.DB.prepare("SELECT count(*) AS count FROM backup_rows").first("count");
}

async function restoreTenant(backup: string): Promise<number> {
  const deps = backupDeps();
  const scope = { kind: "tenant", tenantId: TENANT } as const;
  const { confirmation } = await confirmationOf(deps, admin, await planRestore(deps, backup, scope));
  const { id } = await startRestore(deps, admin, backup, scope, confirmation);
  const most = await metered({ kind: "restore", id });
  expect(await restoreOf(id)).toMatchObject({ status: "completed", reason: null });
  return most;
}

describe("a tenant of more than 20 MiB", () => {
  test("is backed up, tried and restored with bounded memory, equal, and of one moment, though every step is cut off once", async () => {
    const before = await content();
    const id = await begin({ kind: "tenant", tenantId: TENANT });
    let moves = 0;
    // What one row of the table's start loses, one of its end gains in the same transaction.
    const move = async (): Promise<void> => {
      const [gone, come] = moves++ % 2 === 0 ? [1, ROWS] : [ROWS, 1];
      const change = "UPDATE config_templates SET updated_at = updated_at + ? WHERE tenant_id = ? AND name = ?";
      await env.DB.batch([
        env.DB.prepare(change).bind(-1, TENANT, `template-${gone}`),
        env.DB.prepare(change).bind(1, TENANT, `template-${come}`),
      ]);
    };
    const written = await metered({ kind: "backup", id }, move);
    if (moves % 2 === 1) await move();
    const backup = await backupOf(id);
    expect(backup).toMatchObject({ status: "verified", reason: null });
    expect(backup.bytes).toBeGreaterThan(8 * MIB);
    expect(written).toBeLessThan(STEP_BYTES);
    expect(moves).toBeGreaterThan(8);
    expect(await asideCount()).toBe(0);
    expect(await content()).toEqual(before);

    const deps = backupDeps();
    await env.DB.batch([
      env.DB.prepare("DELETE FROM config_templates WHERE tenant_id = ? AND name <> 'template-7'").bind(TENANT),
      env.DB.prepare("UPDATE config_templates SET description = 'changed' WHERE tenant_id = ?").bind(TENANT),
      env.DB.prepare("DELETE FROM plugin_events WHERE tenant_id = ?").bind(TENANT),
    ]);
    await filesOf(env.PLUGIN_FILES, OWNER).delete("large.bin");
    await storageOf(env.PLUGIN_STORAGE, OWNER).delete("storage", "k3", undefined, 2);
    const { tables } = await planRestore(deps, id, { kind: "tenant", tenantId: TENANT });
    expect(tables).toEqual({ config_templates: { added: ROWS, changed: 1, removed: 0, same: 0 } });

    expect(await restoreTenant(id)).toBeLessThan(STEP_BYTES);
    expect(await asideCount()).toBe(0);
    const total = await env.DB.prepare(
      "SELECT sum(updated_at) AS sum FROM config_templates WHERE tenant_id = ? AND name LIKE 'template-%'",
    )
      .bind(TENANT)
      .first("sum");
    expect(total).toBe(1_000 * ROWS);
    await env.DB.prepare("UPDATE config_templates SET updated_at = 1000 WHERE tenant_id = ? AND name LIKE 'template-%'")
      .bind(TENANT)
      .run();
    expect(await content()).toEqual(before);
  });
});
