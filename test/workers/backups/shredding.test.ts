import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { confirmationOf, planRestore, startRestore } from "../../../worker/control/backups/actions/restore.ts";
import { readRows } from "../../../worker/control/backups/actions/parts.ts";
import { verifyBackup } from "../../../worker/control/backups/actions/manage.ts";
import {
  chunkKey,
  listChunks,
  readManifest,
  readSections,
  writeManifest,
} from "../../../worker/control/backups/archive-store.ts";
import type { RestoreScope } from "../../../worker/control/backups/schema.ts";
import type { Backup } from "../../../worker/control/backups/store.ts";
import { eraseTenantKey, TenantKeys } from "../../../worker/control/backups/tenant-key-store.ts";
import { open, seal } from "../../../worker/lib/envelope.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { parseKeyRing } from "../../../worker/lib/key-ring.ts";
import { rowsOf, seedResources } from "../../support/workers/resources.ts";
import { freshKeyRing } from "./key-rings.ts";
import { backUp, backupDeps, backupOf, finish, restoreOf } from "./runs.ts";

const admin = { tenantId: "patchbay", subject: "root", roles: ["admin"] } as const;
const ERASED_AT = Date.UTC(2030, 4, 1);
const NOTE = 'tenant "gone" was erased on 2030-05-01, its part cannot be read';
const ring = parseKeyRing("BACKUP_KEYS", env.BACKUP_KEYS);
const ringKey = ring.keys[ring.current] ?? new Uint8Array();

function ownerOf(tenantId: string) {
  return { tenantId, installId: `install-of-${tenantId}` };
}

async function write(tenantId: string): Promise<void> {
  const entry = { key: "k", value: new TextEncoder().encode(tenantId), expiresAt: null, ifRevision: undefined };
  await storageOf(env.PLUGIN_STORAGE, ownerOf(tenantId)).write("storage", [entry], 1_000, 1);
}

/** What is left of the tenant's rows and stored values. */
async function deleteAll(tenantId: string): Promise<void> {
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%`tenant_id`%'",
  ).all<{ name: string }>();
  await env.DB.batch([
    env.DB.prepare("PRAGMA defer_foreign_keys = on"),
    ...results.map(({ name }) => env.DB.prepare(`DELETE FROM "${name}" WHERE tenant_id = ?`).bind(tenantId)),
    env.DB.prepare("DELETE FROM tenants WHERE id = ?").bind(tenantId),
  ]);
  await storageOf(env.PLUGIN_STORAGE, ownerOf(tenantId)).destroy();
}

async function restore(backup: string, scope: RestoreScope) {
  const deps = backupDeps();
  const plan = await planRestore(deps, backup, scope);
  const { confirmation } = await confirmationOf(deps, admin, plan);
  const { id } = await startRestore(deps, admin, backup, scope, confirmation);
  await finish({ kind: "restore", id });
  return { plan, done: await restoreOf(id) };
}

/** The same backup as it was written before tenants had keys. */
async function asFormat1({ id }: Backup): Promise<string> {
  const deps = backupDeps();
  const manifest = await readManifest(deps, id, undefined);
  const keys = new TenantKeys(deps);
  const old = deps.newId();
  for (const [index, chunk] of manifest.chunks.entries()) {
    const { part } = chunk;
    const { sections } = await readSections(deps, keys, manifest, index, chunk);
    const pieces = sections.flatMap(({ content }, at) => (at === 0 ? [content] : ["\n", content]));
    const content = new Uint8Array(await new Blob(pieces).arrayBuffer());
    const packing = new Blob([content]).stream().pipeThrough(new CompressionStream("gzip"));
    const packed = new Uint8Array(await new Response(packing).arrayBuffer());
    const sealed = await seal(packed, ringKey, ["patchbay backup", old, String(index), part], deps.randomBytes);
    const { rows, key } = { rows: String(chunk.rows), key: ring.current };
    const customMetadata = { part, rows, bytes: String(content.length), sha256: await sha256Hex(content), key };
    await env.STORE.put(chunkKey(old, index), sealed, { customMetadata });
  }
  const { chunks } = await listChunks(deps, old, manifest.chunks.length);
  await writeManifest(deps, { ...manifest, id: old, format: 1, chunks: [...chunks] });
  return old;
}

/** All bytes of the archive that are not sealed with a tenant's key, or with one that is left. */
async function readable({ id }: Backup): Promise<string> {
  const deps = backupDeps();
  const manifest = await readManifest(deps, id, undefined);
  let text = JSON.stringify(manifest);
  for (const [index, { part }] of manifest.chunks.entries()) {
    const object = await env.STORE.get(chunkKey(id, index));
    const sealed = new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer());
    const content = await open(sealed, ringKey, ["patchbay backup", id, String(index), part]);
    text += new TextDecoder().decode(content);
    if (!part.startsWith("objects/")) text += JSON.stringify(await readRows(deps, manifest, index, index + 1));
  }
  return text;
}

function withoutRevision(rows: string): string {
  return rows.replace(/"snapshot_revision":\d+/, "");
}

let before: string;
let backup: Backup;
let old: string;

beforeAll(async () => {
  await seedResources("gone");
  await seedResources("stays");
  await write("stays");
  await write("gone");
  before = await rowsOf("stays");
  backup = await backUp();
  old = await asFormat1(backup);
});

test("a backup of the system has each tenant's rows under the tenant's key", async () => {
  expect(backup).toMatchObject({ status: "verified", reason: null });
  expect(await readable(backup)).toContain("member-of-gone");
});

test("a new key of the ring seals the tenants' keys anew, and the old one is needed no longer", async () => {
  const next = parseKeyRing("BACKUP_KEYS", freshKeyRing("k9")).keys["k9"]?.toBase64() ?? "";
  const present = JSON.parse(env.BACKUP_KEYS) as { current: string; keys: Record<string, string> };
  const keysWith = (keys: Record<string, string>, current: string): TenantKeys =>
    new TenantKeys(backupDeps({ BACKUP_KEYS: JSON.stringify({ current, keys }) }));
  const first = await keysWith(present.keys, present.current).toSeal("stays");
  expect(await keysWith({ ...present.keys, k9: next }, "k9").toSeal("stays")).toEqual(first);
  expect(await keysWith({ k9: next }, "k9").toOpen("stays")).toEqual(first);
  await keysWith({ ...present.keys, k9: next }, present.current).toSeal("stays");
});

test("a backup of before tenants had keys is tried and restored as before", async () => {
  await env.DB.prepare("DELETE FROM members WHERE tenant_id = 'stays'").run();
  const { done } = await restore(old, { kind: "tenant", tenantId: "stays" });
  expect(done).toMatchObject({ status: "completed", reason: null });
  expect(withoutRevision(await rowsOf("stays"))).toBe(withoutRevision(before));
  await verifyBackup(backupDeps(), admin, old);
  await finish({ kind: "backup", id: old });
  expect(await backupOf(old)).toMatchObject({ status: "verified" });
});

test("once a tenant's key is erased nothing of it can be read, and all else comes back", async () => {
  await eraseTenantKey(backupDeps(), "gone", ERASED_AT);
  const left = await readable(backup);
  for (const trace of ["member-of-gone", "secret-of-gone", "client-of-gone", "message-of-gone"])
    expect(left).not.toContain(trace);
  expect(left).toContain("member-of-stays");
  await verifyBackup(backupDeps(), admin, backup.id);
  await finish({ kind: "backup", id: backup.id });
  expect(await backupOf(backup.id)).toMatchObject({ status: "verified", reason: NOTE });

  await deleteAll("gone");
  await env.DB.prepare("DELETE FROM members WHERE tenant_id = 'stays'").run();
  const { plan, done } = await restore(backup.id, { kind: "system" });
  expect(plan).toMatchObject({ erased: { gone: ERASED_AT }, installs: 1 });
  expect(plan.tenants).not.toContain("gone");
  expect(done).toMatchObject({ status: "completed", reason: NOTE });
  expect(withoutRevision(await rowsOf("stays"))).toBe(withoutRevision(before));
  expect(await rowsOf("gone")).not.toContain('"gone');
});

test("nor does it come back from a backup of before tenants had keys", async () => {
  const { done } = await restore(old, { kind: "system" });
  expect(done).toMatchObject({ status: "completed", reason: NOTE });
  expect(await rowsOf("gone")).not.toContain('"gone');
  expect(await storageOf(env.PLUGIN_STORAGE, ownerOf("gone")).get("storage", "k", 2)).toBeUndefined();
});

test("a restore of the tenant itself is refused, and says why", async () => {
  await expect(planRestore(backupDeps(), backup.id, { kind: "tenant", tenantId: "gone" })).rejects.toMatchObject({
    code: "RESTORE_REFUSED",
    message: expect.stringContaining('tenant "gone" was erased on 2030-05-01') as string,
  });
});

test("a backup that is made afterwards leaves it out", async () => {
  await env.DB.prepare(
    "INSERT INTO tenants (id, name, plan, status, created_at) VALUES ('gone', 'late', 'free', 'suspended', 1)",
  ).run();
  const next = await backUp();
  await env.DB.prepare("DELETE FROM tenants WHERE id = 'gone'").run();
  const { chunks } = await readManifest(backupDeps(), next.id, undefined);
  expect(chunks.filter(({ part }) => part.split("/").includes("gone"))).toEqual([]);
  expect(next).toMatchObject({ status: "verified", reason: null });
});
