import { inboxOf } from "../../../durable-objects/message-inbox/client.ts";
import type { MessageInbox } from "../../../durable-objects/message-inbox/object.ts";
import { PlatformError, type ErrorCode } from "../../../sdk/contract/errors.ts";
import type { Deps } from "../../deps.ts";
import { envelopeOf, type BusMessage, type Delivery } from "../../execution/bus/rules.ts";
import { invoke, type InvokeDeps } from "../../execution/invoke.ts";
import { errorText } from "../../lib/error-text.ts";
import { logError } from "../../lib/json-log.ts";
import { keepDeadLetter, type DeadLetterDeps } from "../dead-letters/actions.ts";
import { addTally, emptyTally, type Tally } from "../topics/tally-rules.ts";
import { addCounts } from "../topics/store.ts";
import { afterFailure, PLATFORM_DELAY } from "./rules.ts";

export type DeliveryDeps = InvokeDeps &
  DeadLetterDeps &
  Pick<Deps, "db" | "snapshots"> & { readonly env: Pick<Env, "MESSAGE_INBOX"> };

/** Deliveries of a batch in work at once: each may need an isolate of its own, of which an invocation may open few. */
const LANES = 2;
const LOG_LEVEL_INFO = 2;
const UNIT = 2 ** 32;

/** Whether some message became a dead letter. */
export interface Handled {
  readonly deadLetters: boolean;
}

/** What a batch gathers while its messages are worked on. */
interface Work {
  readonly tally: Tally;
  /** Messages that ran and of which the inbox is being told; the next message need not wait for that. */
  readonly notes: Promise<void>[];
}

interface Failure {
  readonly code: ErrorCode;
  readonly detail: string;
}

/**
 * Runs the subscribers of queued messages. Each message is acknowledged once its subscriber has run, or the message is
 * kept as a dead letter; every other one comes back. What a consumer that dies leaves comes back too, and what was
 * handled by then is not run again.
 */
export async function deliverMessages(deps: DeliveryDeps, messages: readonly Message<BusMessage>[]): Promise<Handled> {
  const waiting = messages.values();
  const work: Work = { tally: emptyTally(), notes: [] };
  const lane = async (): Promise<void> => {
    for (const message of waiting) await settleMessage(deps, message, work);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await Promise.all(work.notes);
  const { tally } = work;
  await addCounts(deps.db, tally).catch((error: unknown) =>
    logError("topics.not-counted", { topics: tally.size, error: errorText(error) }),
  );
  return { deadLetters: [...tally.values()].some(({ deadLettered }) => deadLettered > 0) };
}

async function settleMessage(deps: DeliveryDeps, message: Message<BusMessage>, work: Work): Promise<void> {
  const { body } = message;
  if (body.kind === "unrouted") {
    addTally(work.tally, body, { published: 1 });
    message.ack();
    return;
  }
  await deliver(deps, message, body, work).catch((error: unknown) => comeBack(message, body, error));
}

/** What the platform failed at comes back, uncounted. */
function comeBack(message: Message, { tenantId, messageId, installId }: Delivery, error: unknown): void {
  logError("messages.delivery-failed", { tenantId, messageId, installId, error: errorText(error) });
  message.retry({ delaySeconds: PLATFORM_DELAY });
}

async function deliver(deps: DeliveryDeps, message: Message, delivery: Delivery, work: Work): Promise<void> {
  const { tally } = work;
  const inbox = inboxOf(deps.env.MESSAGE_INBOX, delivery.tenantId, delivery.installId);
  const deliveryId = `${delivery.functionName} ${delivery.messageId}`;
  const token = deps.newId();
  const claim = await inbox.claim(deliveryId, token);
  if (claim.decision === "done") return message.ack();
  if (claim.decision === "busy") return message.retry({ delaySeconds: Math.ceil(claim.waitMs / 1000) });
  if (claim.decision === "exhausted") {
    const detail = `Each of ${claim.attempts} attempts was cut off.`;
    await bury(deps, inbox, delivery, { code: "MESSAGE_UNDELIVERABLE", detail }, claim.attempts);
    addTally(tally, delivery, { deadLettered: 1 });
    return message.ack();
  }

  const { attempt } = claim;
  if (attempt === 1 && delivery.counts) addTally(tally, delivery, { published: 1 });
  const failure = await run(deps, delivery, attempt);
  if (!failure) {
    addTally(tally, delivery, { delivered: 1 });
    const note = inbox.complete(deliveryId, token).then(() => message.ack());
    work.notes.push(note.catch((error: unknown) => comeBack(message, delivery, error)));
    return;
  }

  const after = afterFailure(failure.code, attempt, randomUnit(deps));
  addTally(tally, delivery, { failed: 1 });
  if (after.next === "dead-letter") {
    await bury(deps, inbox, delivery, failure, attempt);
    addTally(tally, delivery, { deadLettered: 1 });
    return message.ack();
  }
  await inbox.release(deliveryId, token, after.next === "retry-uncounted");
  message.retry({ delaySeconds: after.delaySeconds });
}

/** @returns undefined where the subscriber's function returned */
async function run(deps: DeliveryDeps, delivery: Delivery, attempt: number): Promise<Failure | undefined> {
  const { tenantId, pluginId, functionName, installId, topic, traceId, hops } = delivery;
  try {
    const snapshot = await deps.snapshots.read(tenantId);
    if (!snapshot || snapshot.status !== "active") {
      return { code: "TENANT_UNKNOWN", detail: `The tenant "${tenantId}" does not exist or is suspended.` };
    }
    if (Object.hasOwn(snapshot.installs, pluginId) && snapshot.installs[pluginId]?.installId !== installId) {
      return { code: "INSTALL_NOT_FOUND", detail: `The install of "${pluginId}" that subscribed is gone.` };
    }
    const { outcome } = await invoke(deps, snapshot, {
      pluginId,
      functionName,
      input: envelopeOf(delivery, attempt),
      options: { logLevel: LOG_LEVEL_INFO },
      subject: `topic:${topic}`,
      roles: [],
      traceId,
      hops: hops + 1,
    });
    return outcome.failure;
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { code: error.code, detail: error.message };
  }
}

/** Keeps the dead letter first: a consumer that dies in between keeps it again, which changes nothing. */
async function bury(
  deps: DeliveryDeps,
  inbox: DurableObjectStub<MessageInbox>,
  delivery: Delivery,
  failure: Failure,
  attempts: number,
): Promise<void> {
  await keepDeadLetter(deps, delivery, { ...failure, attempts });
  await inbox.forget(`${delivery.functionName} ${delivery.messageId}`);
}

/** 0 to 1. */
function randomUnit(deps: DeliveryDeps): number {
  const bytes = deps.randomBytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) / UNIT;
}

/** Messages that the queue itself gave up, because the platform failed at them again and again. */
export async function buryMessages(
  deps: DeadLetterDeps & Pick<Deps, "db">,
  messages: readonly Message<BusMessage>[],
): Promise<Handled> {
  for (const message of messages) {
    const { body, attempts } = message;
    try {
      if (body.kind === "delivery") {
        const detail = "The platform failed at every attempt to deliver the message.";
        await keepDeadLetter(deps, body, { code: "MESSAGE_UNDELIVERABLE", detail, attempts: 0 });
      }
      message.ack();
    } catch (error) {
      logError("messages.not-buried", { attempts, error: errorText(error) });
      message.retry({ delaySeconds: PLATFORM_DELAY });
    }
  }
  return { deadLetters: true };
}
