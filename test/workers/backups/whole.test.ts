import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { confirmationOf, planRestore, startRestore } from "../../../worker/control/backups/actions/restore.ts";
import { advance } from "../../../worker/control/backups/actions/run.ts";
import { seedResources } from "../../support/workers/resources.ts";
import { backUp, backupDeps, begin, finish, restoreOf } from "./runs.ts";
import { contentOfAll, emptyEverything, seedInstalls } from "./whole-system.ts";

const admin = { tenantId: "patchbay", subject: "root", roles: ["admin"] } as const;

async function restore(backup: string, scope: { kind: "system" } | { kind: "tenant"; tenantId: string }) {
  const deps = backupDeps();
  const { confirmation } = await confirmationOf(deps, admin, await planRestore(deps, backup, scope));
  const { id } = await startRestore(deps, admin, backup, scope, confirmation);
  await finish({ kind: "restore", id });
  return restoreOf(id);
}

describe("concurrent writes", () => {
  test("leave no half of a change in a backup", async () => {
    await seedResources("busy");
    let moves = 0;
    // A member becomes a key and the other way round, in one transaction each: their number stays.
    const move = async (): Promise<void> => {
      const isMember = moves++ % 2 === 1;
      const gone = isMember
        ? "DELETE FROM api_keys WHERE id = 'moving'"
        : "DELETE FROM members WHERE subject = 'moving'";
      const add = isMember
        ? "INSERT INTO members (tenant_id, subject, roles, created_at) VALUES ('busy', 'moving', '[]', 1)"
        : "INSERT INTO api_keys (id, tenant_id, name, secret_hash, roles, created_at) VALUES ('moving', 'busy', 'k', 'h', '[]', 1)";
      await env.DB.batch([env.DB.prepare(gone), env.DB.prepare(add)]);
    };
    const moveOften = async (): Promise<void> => {
      for (let count = 0; count < 5; count++) await move();
    };
    await move();
    const ids: string[] = [];
    for (let round = 0; round < 3; round++) {
      const id = await begin({ kind: "tenant", tenantId: "busy" });
      for (let done = false; !done;) {
        [done] = await Promise.all([advance(backupDeps(), { kind: "backup", id }), moveOften()]);
      }
      ids.push(id);
    }
    expect(moves).toBeGreaterThan(8);
    for (const id of ids) {
      expect(await restore(id, { kind: "tenant", tenantId: "busy" })).toMatchObject({ status: "completed" });
      const sum = await env.DB.prepare(
        "SELECT (SELECT count(*) FROM members WHERE tenant_id = 'busy') + (SELECT count(*) FROM api_keys WHERE tenant_id = 'busy') AS sum",
      ).first("sum");
      expect(sum).toBe(3);
    }
  });
});

test(
  "20 tenants with 100 plugins come back into an empty environment, row by row and object by object, within a minute",
  { timeout: 120_000 },
  async () => {
    const tenants = Array.from({ length: 20 }, (_, index) => `shop-${index}`);
    const owners = [];
    for (const tenantId of tenants) {
      await seedResources(tenantId);
      owners.push(...(await seedInstalls(tenantId, 5)));
    }
    expect(owners).toHaveLength(100);
    const before = await contentOfAll(owners);
    const backup = await backUp();
    expect(backup).toMatchObject({ status: "verified", reason: null });
    await emptyEverything(owners);
    expect(await contentOfAll(owners)).not.toEqual(before);

    const began = Date.now();
    const done = await restore(backup.id, { kind: "system" });
    const took = Date.now() - began;
    const { tenants: ofTenants, installs } = backup.counts;
    expect(done).toMatchObject({ status: "completed", reason: null, counts: { tenants: ofTenants, installs } });
    expect(await contentOfAll(owners)).toEqual(before);
    expect(took).toBeLessThan(60_000);
    console.info(`100 installs restored in ${took / 1_000} s`);
    for (const tenantId of tenants) expect(await env.STORE.head(`snapshots/${tenantId}.json`)).not.toBeNull();
  },
);
