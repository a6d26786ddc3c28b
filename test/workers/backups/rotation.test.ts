import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { confirmationOf, planRestore, startRestore } from "../../../worker/control/backups/actions/restore.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { parseKeyRing } from "../../../worker/lib/key-ring.ts";
import { rowsOf, seedResources } from "../../support/workers/resources.ts";
import { freshKeyRing } from "./key-rings.ts";
import { backUp, backupDeps, backupOf, begin, finish, restoreOf } from "./runs.ts";

const admin: Actor = { tenantId: "patchbay", subject: "root", roles: ["admin"] };
const scope = { kind: "tenant", tenantId: "acme" } as const;

/** The ring with a new key that seals from now on; the keys before it still open. */
function rotatedRing(): string {
  const { keys } = JSON.parse(env.BACKUP_KEYS) as { keys: Record<string, string> }; // made by the test's configuration
  const next = parseKeyRing("BACKUP_KEYS", freshKeyRing("k9")).keys["k9"]?.toBase64() ?? "";
  return JSON.stringify({ current: "k9", keys: { ...keys, k9: next } });
}

function word(): ReturnType<typeof storageOf> {
  return storageOf(env.PLUGIN_STORAGE, { tenantId: "acme", installId: "install-of-acme" });
}

async function write(text: string): Promise<void> {
  const entry = { key: "word", value: new TextEncoder().encode(text), expiresAt: null, ifRevision: undefined };
  await word().write("storage", [entry], 1_000_000, Date.now());
}

/** But for the snapshot's revision, which only grows. */
async function rows(): Promise<string> {
  return (await rowsOf("acme")).replace(/"snapshot_revision":\d+/, "");
}

test("a backup outlives the key that sealed it being followed by another", async () => {
  await seedResources("acme");
  await write("first");
  const [backup, before] = [await backUp(), await rows()];
  const rotated = { BACKUP_KEYS: rotatedRing() };
  await env.DB.prepare("DELETE FROM members WHERE tenant_id = 'acme'").run();
  await write("second");
  expect(await rows()).not.toBe(before);

  const deps = backupDeps(rotated);
  const { confirmation } = await confirmationOf(deps, admin, await planRestore(deps, backup.id, scope));
  const { id } = await startRestore(deps, admin, backup.id, scope, confirmation);
  await finish({ kind: "restore", id }, rotated);
  expect(await restoreOf(id)).toMatchObject({ status: "completed", reason: null });
  expect(await rows()).toBe(before);
  const found = await word().get("storage", "word", Date.now());
  expect(new TextDecoder().decode(found?.value)).toBe("first");

  const later = await begin(scope);
  await finish({ kind: "backup", id: later }, rotated);
  expect(await backupOf(later)).toMatchObject({ status: "verified", keyId: "k9" });
  expect(backup.keyId).not.toBe("k9");
});
