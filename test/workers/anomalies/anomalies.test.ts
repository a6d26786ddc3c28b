import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { detectAnomalies, readAnomalies } from "../../../worker/control/anomalies/actions.ts";
import { MINUTE_MS } from "../../../worker/control/anomalies/rules.ts";
import { listEvents } from "../../../worker/control/events/store.ts";
import { recordExecutions } from "../../../worker/control/executions/actions.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import { ulid } from "../../../worker/lib/ulid.ts";
import { seedAudited } from "../audits/audited-tenant.ts";
import { db } from "../control/fixtures.ts";

const START = Date.UTC(2026, 6, 1);

async function rowsIn(table: string, tenantId: string): Promise<number> {
  const row = await env.DB.prepare(`SELECT count(*) AS count FROM ${table} WHERE tenant_id = ?`)
    .bind(tenantId)
    .first<{ count: number }>();
  return row?.count ?? -1;
}

test("calls that the consumer records are watched minute by minute, and a burst of failures is told once and ended", async () => {
  const tenant = await seedAudited();
  const { tenantId } = tenant.actor;
  let now = START;
  const deps = { ...tenant.deps, db, clock: { now: () => now } };
  const records = (minute: number, failed: number): ExecutionRecord[] =>
    Array.from({ length: 12 }, (_, index): ExecutionRecord => {
      const startedAt = START + minute * MINUTE_MS + index * 1_000;
      return {
        id: ulid(startedAt, crypto.getRandomValues(new Uint8Array(16))),
        tenantId,
        installId: tenant.installId,
        pluginId: tenant.pluginId,
        version: "1.0.0",
        functionName: "run",
        status: index < failed ? "failed" : "succeeded",
        errorCode: index < failed ? "PLUGIN_TRAPPED" : null,
        errorDetail: null,
        durationMs: 20 + ((index * 7) % 13),
        fuel: 1_000_000,
        memoryBytes: 65_536,
        hostCalls: 0,
        inputBytes: 0,
        outputBytes: 0,
        logLines: 0,
        traceId: "0".repeat(32),
        subject: "olga",
        startedAt,
      };
    });
  let last: ExecutionRecord[] = [];
  for (let minute = 0; minute < 50; minute++) {
    last = records(minute, minute >= 40 && minute < 44 ? 8 : 0);
    await recordExecutions(deps, last);
    if (minute % 10 === 9 || minute >= 40) {
      now = START + (minute + 2) * MINUTE_MS;
      await Promise.all([detectAnomalies(deps), detectAnomalies(deps)]);
    }
  }
  await recordExecutions(deps, last); // the queue delivers twice
  const types = ["anomaly.detected", "anomaly.ended"] as const;
  const told = await listEvents(db, tenantId, { type: types }, { limit: 20, order: "oldest" });
  expect(told.map(({ type, data }) => [type, data["metric"], data["direction"]])).toEqual([
    ["anomaly.detected", "errors", "up"],
    ["anomaly.ended", "errors", "up"],
  ]);
  expect(told[0]?.data["anomalyId"]).toBe(told[1]?.data["anomalyId"]);
  const [anomaly, ...more] = await readAnomalies(deps, tenant.actor, tenant.pluginId, {}, { limit: 10 });
  expect(more).toEqual([]);
  expect(anomaly).toMatchObject({
    metric: "errors",
    startedAt: START + 40 * MINUTE_MS,
    endedAt: START + 47 * MINUTE_MS,
  });
  expect(anomaly?.observed).toBeCloseTo(8 / 12, 6);
  expect(await readAnomalies(deps, tenant.actor, tenant.pluginId, { active: true }, { limit: 10 })).toEqual([]);
  expect(await readAnomalies(deps, tenant.actor, tenant.pluginId, { metric: "rate" }, { limit: 10 })).toEqual([]);
  expect([await rowsIn("anomaly_series", tenantId), await rowsIn("plugin_call_minutes", tenantId)]).toEqual([1, 0]);
});
