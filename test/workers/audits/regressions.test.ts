import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { insertExecutions } from "../../../worker/control/executions/store.ts";
import { eventsOfExecutions } from "../../../worker/control/executions/event-rules.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import { ulid } from "../../../worker/lib/ulid.ts";
import { db } from "../control/fixtures.ts";
import { NOW, seedAudited, type AuditedTenant } from "./audited-tenant.ts";

const DAY_MS = 86_400_000;

describe("calls", () => {
  const random = (() => {
    let state = 1;
    return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  })();

  function calls(tenant: AuditedTenant, from: number, to: number, count: number, change: Partial<ExecutionRecord>) {
    return Array.from({ length: count }, (_, index): ExecutionRecord => {
      const startedAt = Math.round(from + ((to - from) * (index + 0.5)) / count);
      return {
        id: ulid(startedAt, crypto.getRandomValues(new Uint8Array(16))),
        tenantId: tenant.actor.tenantId,
        installId: tenant.installId,
        pluginId: tenant.pluginId,
        version: "1.0.0",
        functionName: "run",
        status: "succeeded",
        errorCode: null,
        errorDetail: null,
        durationMs: Math.round(20 + 20 * random()),
        fuel: 1_000_000,
        memoryBytes: 2_097_152,
        hostCalls: 0,
        inputBytes: 1,
        outputBytes: 1,
        logLines: 0,
        traceId: "0".repeat(32),
        subject: "olga",
        startedAt,
        ...change,
      };
    });
  }

  async function store(tenant: AuditedTenant, records: readonly ExecutionRecord[]): Promise<void> {
    for (let start = 0; start < records.length; start += 200) {
      const some = records.slice(start, start + 200);
      expect(await insertExecutions(db, some, eventsOfExecutions(some, tenant.deps.newId, NOW))).toBeDefined();
    }
  }

  const before = [NOW - 6 * DAY_MS, NOW - 3 * 3_600_000] as const;
  const lately = [NOW - 100 * 60_000, NOW - 60_000] as const;

  test("a function that fails more often is found with the recording of a failure, and one that does not is not", async () => {
    const tenant = await seedAudited();
    const failure = { status: "failed", errorCode: "PLUGIN_TRAPPED" } as const;
    const refused = { status: "failed", errorCode: "INPUT_TOO_LARGE" } as const;
    const failures = calls(tenant, ...lately, 60, failure);
    await store(tenant, [
      ...calls(tenant, ...before, 200, {}),
      ...calls(tenant, ...lately, 60, {}),
      ...failures,
      ...calls(tenant, ...before, 200, { functionName: "steady" }),
      ...calls(tenant, ...lately, 60, { functionName: "steady" }),
      ...calls(tenant, ...lately, 60, { functionName: "steady", ...refused }),
    ]);
    const last = failures.at(-1)?.id ?? "";
    await env.STORE.put(`recordings/${tenant.actor.tenantId}/${last}`, "sealed", { customMetadata: { key: "k" } });
    await tenant.audit();
    expect(await tenant.findings()).toMatchObject([
      {
        rule: "error-rate.regression",
        dedupKey: "run",
        severity: "high",
        recordingId: last,
        evidence: { functionName: "run", rate: 0.5, usual: 0, executionId: last },
      },
    ]);
  });

  test("slower, hungrier and larger calls are found, each as what it is", async () => {
    const tenant = await seedAudited();
    const names = ["slow", "hungry", "large", "same"];
    const changes = {
      slow: { durationMs: 90 },
      hungry: { fuel: 3_000_000 },
      large: { memoryBytes: 8_388_608 },
      same: {},
    };
    await store(tenant, [
      ...names.flatMap((functionName) => calls(tenant, ...before, 150, { functionName })),
      ...Object.entries(changes).flatMap(([functionName, change]) =>
        calls(tenant, ...lately, 60, { functionName, ...change }),
      ),
    ]);
    await tenant.audit();
    const found = (await tenant.findings()).map(({ rule, dedupKey }) => `${rule} ${dedupKey}`);
    expect(found.sort()).toEqual(["fuel.regression hungry", "latency.regression slow", "memory.growth large"]);
  });

  test("with no calls to judge by, what was found stays open", async () => {
    const tenant = await seedAudited();
    const failure = { status: "failed", errorCode: "PLUGIN_TRAPPED" } as const;
    await store(tenant, [...calls(tenant, ...before, 200, {}), ...calls(tenant, ...lately, 60, failure)]);
    await tenant.audit();
    await env.DB.prepare("DELETE FROM plugin_executions WHERE tenant_id = ? AND started_at > ?")
      .bind(tenant.actor.tenantId, lately[0])
      .run();
    await tenant.audit();
    expect((await tenant.findings("open")).map(({ rule }) => rule)).toEqual(["error-rate.regression"]);
  });
});
