import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runSchedule, SCHEDULE } from "../../worker/schedule.ts";
import { FaultyApp } from "../support/workers/faulty-app.ts";
import { seedResources } from "../support/workers/resources.ts";

const YEAR_MS = 366 * 24 * 3_600_000;

beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());
afterEach(() => vi.restoreAllMocks());

/** Rows of tables that a job deletes from when they are old. */
async function deletable(): Promise<unknown> {
  const tables = ["plugin_executions", "plugin_audits", "plugin_audit_chunks", "dead_letters", "webhook_deliveries"];
  const counts = tables.map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`);
  return env.DB.prepare(`SELECT ${counts.join(", ")}`).first();
}

describe("every job of the schedule", () => {
  const held = { create: () => Promise.resolve({}) };
  const app = new FaultyApp({ ...env, BACKUP_RUNS: held } as unknown as Env); // its answer is not read

  test("succeeds with one of everything there, at once and a year later, when what is old goes", async () => {
    await seedResources("scheduled");
    await env.DB.prepare(
      "INSERT INTO plugin_audit_chunks SELECT id, 0, tenant_id, '[]', 0, 0, 0 FROM plugin_audits",
    ).run();
    for (const cron of Object.keys(SCHEDULE)) await app.run((deps) => runSchedule(deps, cron));
    expect(Object.values((await deletable()) as object).every((count) => count > 0)).toBe(true);
    app.clock.advance(YEAR_MS);
    await app.run((deps) => runSchedule(deps, "*/15 * * * *"));
    expect(await deletable()).toEqual({
      plugin_executions: 0,
      plugin_audits: 0,
      plugin_audit_chunks: 0,
      dead_letters: 0,
      webhook_deliveries: 0,
    });
    await app.run((deps) => runSchedule(deps, "* * * * *"));
  });
});
