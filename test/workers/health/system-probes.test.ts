import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import {
  probeSystem,
  QUEUE_LAG_MS,
  SYSTEM_PROBES,
  type ProbedEnv,
} from "../../../worker/control/system-health/probes.ts";
import { systemClock } from "../../../worker/lib/clock.ts";

/** A binding whose service is down. */
function down<T extends object>(binding: T): T {
  return new Proxy(binding, {
    get: () => () => {
      throw new Error("service down");
    },
  });
}

async function statusesWith(bindings: Partial<ProbedEnv>): Promise<Record<string, string>> {
  const results = await probeSystem({ env: { ...env, ...bindings }, clock: systemClock });
  return Object.fromEntries(results.map(({ name, status }) => [name, status]));
}

test("everything that the platform stands on answers", async () => {
  const results = await probeSystem({ env, clock: systemClock });
  expect(results.map(({ name }) => name)).toEqual([
    "database",
    "store",
    "durable-objects",
    "loader",
    "queue-outcomes",
    "queue-messages",
    "queue-webhooks",
  ]);
  expect(results.filter(({ status }) => status !== "ok")).toEqual([]);
});

test.each<[string, keyof ProbedEnv]>([
  ["database", "DB"],
  ["store", "STORE"],
  ["durable-objects", "PLUGIN_HEALTH"],
  ["loader", "LOADER"],
  ["queue-outcomes", "OUTCOMES"],
  ["queue-messages", "MESSAGES"],
  ["queue-webhooks", "WEBHOOKS"],
])("%s is down while its binding does not answer, and nothing else is", async (name, binding) => {
  vi.spyOn(console, "error").mockReturnValue();
  const statuses = await statusesWith({ [binding]: down(env[binding]) });
  expect(Object.entries(statuses).filter(([, status]) => status === "down")).toEqual([[name, "down"]]);
});

test("a queue whose oldest message has waited too long is degraded", async () => {
  const metrics = async () => ({
    backlogCount: 7,
    backlogBytes: 700,
    oldestMessageTimestamp: new Date(Date.now() - QUEUE_LAG_MS - 5_000),
  });
  const results = await probeSystem({ env: { ...env, OUTCOMES: { ...env.OUTCOMES, metrics } }, clock: systemClock });
  expect(results.find(({ name }) => name === "queue-outcomes")).toMatchObject({
    status: "degraded",
    detail: "7 messages wait, the oldest for 65 s.",
  });
});

test("what does not answer at all is down when its budget is over", async () => {
  const [database] = SYSTEM_PROBES;
  if (!database) throw new Error("no probes");
  const mute = { ...database, budgetMs: 20, check: () => new Promise<undefined>(() => undefined) };
  expect(await probeSystem({ env, clock: systemClock }, [mute])).toMatchObject([
    { status: "down", detail: "No answer within 20 ms." },
  ]);
});
