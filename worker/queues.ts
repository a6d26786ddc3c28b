import { abandonChunks, auditChunks } from "./control/audits/actions/consume.ts";
import type { AuditBell } from "./control/audits/run-record.ts";
import { buryMessages, deliverMessages } from "./control/deliveries/actions.ts";
import { storeOutcomes } from "./control/executions/actions.ts";
import { checkDue } from "./control/health/actions/check.ts";
import type { DueChecks } from "./control/health/check-record.ts";
import { followEvents } from "./control/events/actions/follow.ts";
import { listErasedAmong } from "./control/erasures/store.ts";
import { deliverWebhooks } from "./control/webhooks/actions/deliver.ts";
import { judgeUpgrades, takeBackStopped } from "./control/upgrades/actions/watch.ts";
import type { Upgrade } from "./control/upgrades/upgrade-record.ts";
import type { WebhookBell } from "./control/webhooks/webhook-record.ts";
import type { Deps } from "./deps.ts";
import type { BusMessage } from "./execution/bus/rules.ts";
import { isToldEvent, type Outcome } from "./execution/outcome-reporter.ts";
import { spillOutcomes } from "./execution/spilled-outcomes.ts";
import { errorText } from "./lib/error-text.ts";
import { logError } from "./lib/json-log.ts";

/** Longest pause before a batch is tried again, in seconds. */
const LONGEST_RETRY_DELAY = 60;

export type QueueMessage = Outcome | BusMessage | WebhookBell | AuditBell | DueChecks;

/** Who consumes which queue of wrangler.toml. A queue carries the messages of its producer's type only. */
const CONSUMERS: Readonly<Record<string, (deps: Deps, batch: MessageBatch) => Promise<void>>> = {
  "patchbay-outcomes": (deps, batch) => consumeOutcomes(deps, batch as MessageBatch<Outcome>),
  "patchbay-outcomes-dead": (deps, batch) => keepOutcomes(deps, batch as MessageBatch<Outcome>),
  "patchbay-messages": (deps, batch) => consumeEach(deps, batch as MessageBatch<BusMessage>, deliverMessages),
  "patchbay-messages-dead": (deps, batch) => consumeEach(deps, batch as MessageBatch<BusMessage>, buryMessages),
  "patchbay-audits": (deps, batch) => consumeAudits(deps, batch as MessageBatch<AuditBell>, auditChunks),
  "patchbay-audits-dead": (deps, batch) => consumeAudits(deps, batch as MessageBatch<AuditBell>, abandonChunks),
  "patchbay-health-checks": (deps, batch) => checkDue(deps, batch as MessageBatch<DueChecks>),
  "patchbay-webhooks": (deps, batch) => consumeEach(deps, batch as MessageBatch<WebhookBell>, deliverWebhooks),
};

/** What was recorded is told after the batch is done with. */
function followAll(deps: Deps, messages: readonly Message<{ readonly tenantId: string }>[]): void {
  for (const tenantId of new Set(messages.map(({ body }) => body.tenantId))) deps.defer(followEvents(deps, tenantId));
}

/** @throws {Error} for a queue that nobody consumes, so that its messages come back */
export async function consume(deps: Deps, batch: MessageBatch): Promise<void> {
  const consumer = CONSUMERS[batch.queue];
  if (!consumer) throw new Error(`Nobody consumes the queue ${batch.queue}.`);
  const kept = await withoutErased(deps, batch);
  await deps.outcomes.duringBatch(() => consumer(deps, kept));
  deps.breakers.catchUp(true);
}

function tenantOf({ body }: Message): string {
  return (body as QueueMessage).tenantId; // what producers send
}

/** What arrives for a tenant that was erased is dropped: nothing of it may come up again. */
async function withoutErased(deps: Deps, batch: MessageBatch): Promise<MessageBatch> {
  const tenants = [...new Set(batch.messages.map(tenantOf))];
  const erased = await listErasedAmong(deps.db, tenants).catch((error: unknown) => {
    // While the database is away the consumers keep what they cannot store, and it comes here again.
    logError("queues.erased-unknown", { queue: batch.queue, error: errorText(error) });
    return new Set<string>();
  });
  if (erased.size === 0) return batch;
  const messages = batch.messages.filter((message) => {
    if (!erased.has(tenantOf(message))) return true;
    message.ack();
    return false;
  });
  const { queue, metadata } = batch;
  return { queue, metadata, messages, ackAll: () => batch.ackAll(), retryAll: (options) => batch.retryAll(options) };
}

/** A batch is acknowledged whole or tried again whole; inserting twice changes nothing. */
async function consumeOutcomes(deps: Deps, batch: MessageBatch<Outcome>): Promise<void> {
  let counted: readonly Upgrade[] = [];
  try {
    const outcomes = batch.messages.map((message) => message.body);
    counted = await storeOutcomes(deps, outcomes);
    batch.ackAll();
    followAll(deps, batch.messages);
  } catch (error) {
    const attempts = Math.max(...batch.messages.map((message) => message.attempts));
    logError("outcomes.insert-failed", { records: batch.messages.length, attempts, error: errorText(error) });
    batch.retryAll({ delaySeconds: Math.min(2 ** attempts, LONGEST_RETRY_DELAY) });
  }
  await judgeUpgrades(deps, counted);
  await takeBackStopped(deps, batch.messages.map(({ body }) => body).filter(isToldEvent));
}

/** Puts what could not be stored for long where it waits without a limit. */
async function keepOutcomes(deps: Deps, batch: MessageBatch<Outcome>): Promise<void> {
  await spillOutcomes(
    deps.env.STORE,
    deps.newId(),
    batch.messages.map((message) => message.body),
  );
}

/** Each message is acknowledged or comes back by itself. Only giving one up is an event, which is rare. */
async function consumeEach<Body extends { readonly tenantId: string }>(
  deps: Deps,
  { messages }: MessageBatch<Body>,
  consumer: (deps: Deps, messages: readonly Message<Body>[]) => Promise<{ readonly deadLetters: boolean }>,
): Promise<void> {
  if ((await consumer(deps, messages)).deadLetters) followAll(deps, messages);
}

/** What audits find is told at once. */
async function consumeAudits(
  deps: Deps,
  { messages }: MessageBatch<AuditBell>,
  consumer: (deps: Deps, messages: readonly Message<AuditBell>[]) => Promise<void>,
): Promise<void> {
  await consumer(deps, messages);
  followAll(deps, messages);
}
