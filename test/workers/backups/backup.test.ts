import { introspectWorkflow } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { startBackup } from "../../../worker/control/backups/actions/manage.ts";
import { seedResources } from "../../support/workers/resources.ts";
import { backUp, backupDeps, backupOf } from "./runs.ts";

beforeAll(async () => {
  await seedResources("acme");
  await seedResources("globex");
});

describe("a backup of the system", () => {
  test("is written, and verified by a trial restore", async () => {
    const backup = await backUp();
    expect(backup).toMatchObject({ reason: null, status: "verified", progress: null });
    expect(backup.counts).toMatchObject({ tenants: 3, installs: 2 });
  });

  test("goes through a Workflow", async () => {
    await using introspector = await introspectWorkflow(env.BACKUP_RUNS);
    const backup = await startBackup({ ...backupDeps(), env }, undefined, { kind: "system" }, "manual");
    const [instance] = await introspector.get();
    await instance?.waitForStatus("complete");
    expect(await backupOf(backup.id)).toMatchObject({ status: "verified" });
  });
});
