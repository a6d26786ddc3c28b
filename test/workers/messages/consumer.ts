import { createExecutionContext, createMessageBatch, getQueueResult, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { inboxOf } from "../../../durable-objects/message-inbox/client.ts";
import { buryMessages, deliverMessages } from "../../../worker/control/deliveries/actions.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import type { BusMessage, Delivery } from "../../../worker/execution/bus/rules.ts";
import { noPendingRecords, OutcomeReporter } from "../../../worker/execution/outcome-reporter.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";

/** A consumer of the queue of messages with real parts, told what to consume and asked what it ran. */

const QUEUE = "patchbay-messages";

/** A message for a subscriber; ids and installs are as test/workers/execution/guest-installs.ts makes them. */
export function delivery(tenantId: string, guest: string, change: Partial<Delivery> = {}): Delivery {
  return {
    kind: "delivery",
    tenantId,
    messageId: crypto.randomUUID(),
    topic: "orders.created",
    data: { total: 3 },
    source: { kind: "subject", id: "user-1" },
    traceId: "0".repeat(32),
    hops: 0,
    publishedAt: Date.now(),
    installId: `${tenantId}-${guest}`,
    pluginId: guest,
    functionName: "run",
    counts: true,
    ...change,
  };
}

/** Keeps records for the test instead of sending them. */
class KeptRecords extends OutcomeReporter {
  readonly records: ExecutionRecord[] = [];

  override report(record: ExecutionRecord): void {
    this.records.push(record);
  }
}

export interface Consumed {
  readonly acknowledged: readonly string[];
  /** By id: seconds until the message comes back. */
  readonly retried: Readonly<Record<string, number | undefined>>;
  readonly records: readonly ExecutionRecord[];
}

export function depsOf(context: ExecutionContext, change: Partial<Deps> = {}) {
  const deps = createDeps(env, context, undefined, createResident());
  const outcomes = new KeptRecords(
    { queue: env.OUTCOMES, bucket: env.STORE, newId: deps.newId },
    noPendingRecords(),
    deps.clock,
    deps.defer,
  );
  return { ...deps, ...change, outcomes };
}

/** One batch through one consumer. @param change  replaces parts of what the worker composes */
export async function consumeBatch(bodies: readonly BusMessage[], change: Partial<Deps> = {}): Promise<Consumed> {
  const context = createExecutionContext();
  const deps = depsOf(context, change);
  const settled = await settle(QUEUE, bodies, context, (messages) => deliverMessages(deps, messages));
  return { ...settled, records: deps.outcomes.records };
}

/** The same through the consumer of the queue's own dead letters. */
export async function buryBatch(
  bodies: readonly BusMessage[],
  change: Partial<Deps> = {},
): Promise<Omit<Consumed, "records">> {
  const context = createExecutionContext();
  const deps = depsOf(context, change);
  return settle(`${QUEUE}-dead`, bodies, context, (messages) => buryMessages(deps, messages));
}

export function messagesOf(bodies: readonly BusMessage[]) {
  return bodies.map((body, index) => ({
    id: body.kind === "delivery" ? body.messageId : `unrouted-${index}`,
    timestamp: new Date(),
    attempts: 1,
    body,
  }));
}

/** The platform's account of a batch says which messages come back, but not when: that is heard on the way. */
async function settle(
  queue: string,
  bodies: readonly BusMessage[],
  context: ExecutionContext,
  consumer: (messages: readonly Message<BusMessage>[]) => Promise<unknown>,
): Promise<Omit<Consumed, "records">> {
  const batch = createMessageBatch(queue, messagesOf(bodies));
  const delays = new Map<string, number | undefined>();
  const heard = batch.messages.map((message): Message<BusMessage> => {
    const { id, timestamp, body, attempts } = message;
    const retry = (options?: QueueRetryOptions): void => {
      delays.set(id, options?.delaySeconds);
      message.retry(options);
    };
    return { id, timestamp, body, attempts, retry, ack: () => message.ack() };
  });
  await consumer(heard);
  const { explicitAcks, retryMessages } = await getQueueResult(batch, context);
  return {
    acknowledged: explicitAcks,
    retried: Object.fromEntries(retryMessages.map(({ msgId }) => [msgId, delays.get(msgId)])),
  };
}

/** Lets time pass for what the install's inbox remembers. */
export async function ageInbox(tenantId: string, installId: string, milliseconds: number): Promise<void> {
  await runInDurableObject(inboxOf(env.MESSAGE_INBOX, tenantId, installId), (_object, state) => {
    state.storage.sql.exec("UPDATE deliveries SET changed_at = changed_at - ?", milliseconds);
  });
}
