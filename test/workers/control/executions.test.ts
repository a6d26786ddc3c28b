import { count, eq } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { listPluginExecutions, readExecution, recordExecutions } from "../../../worker/control/executions/actions.ts";
import { deleteExecutionsBefore } from "../../../worker/control/executions/store.ts";
import { pluginExecutions } from "../../../worker/db/schema.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { ulid } from "../../../worker/lib/ulid.ts";
import { db, makeDeps, NOW, refusal, seedTenant, seedVersion } from "./fixtures.ts";

/** The record of the n-th execution, one second after the one before. */
function record(actor: Actor, n: number, change: Partial<ExecutionRecord> = {}): ExecutionRecord {
  const startedAt = NOW + n * 1_000;
  const random = new TextEncoder().encode(`${actor.tenantId}................`);
  return {
    id: ulid(startedAt, random),
    tenantId: actor.tenantId,
    installId: "01J00000000000000000000001",
    pluginId: "acme.echo",
    version: "1.0.0",
    functionName: "run",
    status: "succeeded",
    errorCode: null,
    errorDetail: null,
    durationMs: 3,
    fuel: 12_345_678_901,
    memoryBytes: 65_536,
    hostCalls: 2,
    inputBytes: 10,
    outputBytes: 20,
    logLines: 1,
    traceId: "0".repeat(32),
    subject: "carl",
    startedAt,
    ...change,
  };
}

async function countOf(actor: Actor): Promise<number | undefined> {
  const rows = await db
    .select({ count: count() })
    .from(pluginExecutions)
    .where(eq(pluginExecutions.tenantId, actor.tenantId));
  return rows[0]?.count;
}

/** A tenant with a plugin that ran five times: every other run failed, the last two in another function. */
async function fiveRuns(): Promise<Actor> {
  const actor = await seedTenant();
  await seedVersion({ tenantId: actor.tenantId });
  const records = Array.from({ length: 5 }, (_, n) =>
    record(actor, n, {
      ...(n % 2 === 1 ? { status: "failed", errorCode: "PLUGIN_TRAPPED", errorDetail: "unreachable" } : {}),
      functionName: n < 3 ? "run" : "greet",
    }),
  );
  await recordExecutions(makeDeps(), records);
  return actor;
}

describe("recordExecutions", () => {
  test("what comes in comes out", async () => {
    const actor = await seedTenant();
    const succeeded = record(actor, 0);
    const failed = record(actor, 1, {
      status: "failed",
      errorCode: "PLUGIN_ERROR",
      errorDetail: `it's "quoted", $.path, ü, 🙂 and\nlines`,
      recorded: "failure",
    });
    await recordExecutions(makeDeps(), [succeeded, failed]);
    const rows = await db.select().from(pluginExecutions).where(eq(pluginExecutions.tenantId, actor.tenantId));
    expect(rows).toEqual([{ ...succeeded, recorded: null }, failed]);
  });

  test("a record that comes twice is kept once, as it came first", async () => {
    const actor = await seedTenant();
    await recordExecutions(makeDeps(), [record(actor, 0), record(actor, 0, { fuel: 1 })]);
    await recordExecutions(makeDeps(), [record(actor, 0, { fuel: 2 }), record(actor, 1)]);
    const rows = await db.select().from(pluginExecutions).where(eq(pluginExecutions.tenantId, actor.tenantId));
    expect(rows.map(({ fuel }) => fuel)).toEqual([12_345_678_901, 12_345_678_901]);
  });

  test("many at once, more than D1 binds and than fit one statement; none at all", async () => {
    const actor = await seedTenant();
    const detail = "x".repeat(500);
    const records = Array.from({ length: 1_201 }, (_, n) => record(actor, n, { errorDetail: detail }));
    await recordExecutions(makeDeps(), records);
    await recordExecutions(makeDeps(), []);
    expect(await countOf(actor)).toBe(1_201);
  });
});

describe("list", () => {
  test.each([
    ["all, newest first", {}, [4, 3, 2, 1, 0]],
    ["by status", { status: "failed" }, [3, 1]],
    ["by function", { functionName: "greet" }, [4, 3]],
    ["from a moment, itself included", { from: NOW + 3_000 }, [4, 3]],
    ["to a moment, itself left out", { to: NOW + 3_000 }, [2, 1, 0]],
    ["everything together", { status: "succeeded", functionName: "run", from: NOW + 1, to: NOW + 9_000 }, [2]],
    ["nothing fits", { functionName: "none" }, []],
  ] as const)("%s", async (_case, filter, expected) => {
    const actor = await fiveRuns();
    const rows = await listPluginExecutions({ db }, actor, "acme.echo", filter, { limit: 20 });
    expect(rows.map(({ startedAt }) => (startedAt - NOW) / 1_000)).toEqual(expected);
  });

  test("pages join without gap or overlap, and end", async () => {
    const actor = await fiveRuns();
    const seen: string[] = [];
    let before: string | undefined;
    for (;;) {
      const rows = await listPluginExecutions({ db }, actor, "acme.echo", {}, { limit: 2, before });
      seen.push(...rows.slice(0, 2).map(({ id }) => id));
      if (rows.length <= 2) break;
      before = seen.at(-1);
    }
    expect(seen).toEqual([4, 3, 2, 1, 0].map((n) => record(actor, n).id));
  });

  test("the period must not be empty", async () => {
    const actor = await fiveRuns();
    const error = await refusal(
      listPluginExecutions({ db }, actor, "acme.echo", { from: 2_000, to: 2_000 }, { limit: 1 }),
    );
    expect(error.code).toBe("REQUEST_INVALID");
    expect(error.issues).toEqual([{ path: "from", message: 'must be earlier than "to"; found 2000 and 2000' }]);
  });

  test("each tenant sees its own, also of a built-in that both run", async () => {
    await seedVersion({ tenantId: PLATFORM_TENANT, pluginId: "shared" });
    const [one, two] = [await seedTenant(), await seedTenant()];
    await recordExecutions(makeDeps(), [
      record(one, 0, { pluginId: "shared" }),
      record(two, 1, { pluginId: "shared" }),
    ]);
    const rows = await listPluginExecutions({ db }, one, "shared", {}, { limit: 20 });
    expect(rows.map(({ id }) => id)).toEqual([record(one, 0).id]);
    expect(rows[0]).not.toHaveProperty("tenantId");
  });

  test("another tenant's plugin does not exist", async () => {
    await fiveRuns();
    const stranger = await seedTenant();
    const error = await refusal(listPluginExecutions({ db }, stranger, "acme.echo", {}, { limit: 1 }));
    expect([error.code, error.message]).toEqual(["PLUGIN_NOT_FOUND", 'There is no plugin "acme.echo".']);
  });
});

test("one record, for its own tenant only", async () => {
  const actor = await fiveRuns();
  const { id, tenantId: _own, ...rest } = record(actor, 2);
  expect(await readExecution({ db }, actor, id)).toEqual({ id, ...rest });
  const error = await refusal(readExecution({ db }, await seedTenant(), id));
  expect([error.code, error.message]).toEqual(["EXECUTION_NOT_FOUND", `There is no execution "${id}".`]);
});

test("deleteExecutionsBefore takes the oldest first, up to its limit, and leaves the rest", async () => {
  const actor = await seedTenant();
  // Older than everything else in this file.
  const old = Array.from({ length: 5 }, (_, n) => record(actor, n - 1_000));
  await recordExecutions(makeDeps(), old.toReversed());
  const third = old[3]?.startedAt ?? 0;
  expect(await deleteExecutionsBefore(db, third, 2)).toBe(2);
  expect(await countOf(actor)).toBe(3);
  expect(await deleteExecutionsBefore(db, third, 100)).toBe(1);
  expect(await deleteExecutionsBefore(db, third, 100)).toBe(0);
  const left = await db.select().from(pluginExecutions).where(eq(pluginExecutions.tenantId, actor.tenantId));
  expect(left.map(({ id }) => id).sort()).toEqual([old[3]?.id, old[4]?.id]);
});
