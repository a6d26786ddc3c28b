import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { asc, eq } from "drizzle-orm";
import type { EventDataOf, EventType } from "../../../sdk/contract/events.ts";
import type { Alert } from "../../../worker/control/alerts/alert-record.ts";
import { newEvent } from "../../../worker/control/events/rules.ts";
import { recordEvent } from "../../../worker/control/events/store.ts";
import { deliverWebhooks } from "../../../worker/control/webhooks/actions/deliver.ts";
import type { WebhookBell } from "../../../worker/control/webhooks/webhook-record.ts";
import { commit } from "../../../worker/db/client.ts";
import { alerts, pluginEvents, pluginExecutions } from "../../../worker/db/schema.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import { db } from "../control/fixtures.ts";

export const MINUTE = 60_000;

/** The worker's parts with a clock of the test's, and a queue whose bells the test rings itself. */
export class Bench {
  now = Date.now();
  readonly bells: WebhookBell[] = [];
  readonly deps: Deps;

  constructor(changed: Partial<Env> = {}) {
    const queue = {
      sendBatch: async (batch: readonly { readonly body: WebhookBell }[]): Promise<void> =>
        void this.bells.push(...batch.map(({ body }) => body)),
    } as unknown as Queue<WebhookBell>; // the one method that is used
    const clock = { now: () => this.now };
    this.deps = createDeps({ ...env, WEBHOOKS: queue, ...changed }, createExecutionContext(), clock, createResident());
  }

  advance(minutes: number): void {
    this.now += minutes * MINUTE;
  }

  /** Rings every bell once. @returns how many come back */
  async ring(): Promise<number> {
    const bells = this.bells.splice(0);
    const messages = bells.map((body, index) => ({ id: String(index), timestamp: new Date(), attempts: 1, body }));
    const batch = createMessageBatch("patchbay-webhooks", messages);
    await deliverWebhooks(this.deps, batch.messages);
    const { retryMessages } = await getQueueResult(batch, createExecutionContext());
    this.bells.push(...retryMessages.flatMap(({ msgId }) => bells[Number(msgId)] ?? []));
    return retryMessages.length;
  }

  async record<Type extends EventType>(
    tenantId: string,
    type: Type,
    data: EventDataOf<Type>,
    pluginId: string | null = "acme.echo",
  ): Promise<void> {
    const event = newEvent({
      id: this.deps.newId(),
      tenantId,
      pluginId,
      type,
      data,
      subject: "olga",
      createdAt: this.now,
    });
    await commit(db, recordEvent(db, event));
  }

  /** Executions of a plugin that began within the last minute. */
  async execute(tenantId: string, pluginId: string, durations: readonly number[], failed = 0): Promise<void> {
    const rows = durations.map((durationMs, index) => ({
      id: this.deps.newId(),
      tenantId,
      installId: `install-of-${pluginId}`,
      pluginId,
      version: "1.0.0",
      functionName: "run",
      status: index < failed ? ("failed" as const) : ("succeeded" as const),
      errorCode: index < failed ? "PLUGIN_ERROR" : null,
      errorDetail: null,
      durationMs,
      fuel: 10,
      memoryBytes: 65_536,
      hostCalls: 2,
      inputBytes: 0,
      outputBytes: 0,
      logLines: 0,
      traceId: "0".repeat(32),
      subject: "olga",
      startedAt: this.now - 1_000,
    }));
    for (let start = 0; start < rows.length; start += 4) {
      await db.insert(pluginExecutions).values(rows.slice(start, start + 4)); // 100 bound values at most
    }
  }
}

export function alertsOf(tenantId: string): Promise<Alert[]> {
  return db.select().from(alerts).where(eq(alerts.tenantId, tenantId)).orderBy(asc(alerts.id));
}

/** Events of alerts that the tenant's log holds, oldest first. */
export async function toldOf(tenantId: string) {
  const rows = await db
    .select()
    .from(pluginEvents)
    .where(eq(pluginEvents.tenantId, tenantId))
    .orderBy(asc(pluginEvents.sequence));
  return rows.filter(({ type }) => type === "alert.firing" || type === "alert.resolved");
}
