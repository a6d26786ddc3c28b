import { PlatformError, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { commit } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import type { Delivery } from "../../execution/bus/rules.ts";
import type { Actor } from "../../lib/actor.ts";
import { auditRow, type NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { newEvent, SYSTEM_SUBJECT, type NewEvent } from "../events/rules.ts";
import { recordEvent, recordEventWhere } from "../events/store.ts";
import type { DeadLetter, DeadLetterSummary } from "./schema.ts";
import { deadLetterIsThere, deleteDeadLetter, getDeadLetter, listDeadLetters, upsertDeadLetter } from "./store.ts";

export type DeadLetterDeps = Pick<Deps, "db" | "newId" | "clock">;

/** Longest error text kept, in UTF-16 units; the guest writes it. */
const DETAIL_LENGTH = 500;

/** Keeps a message that was given up for one subscriber, and says so in the log. */
export async function keepDeadLetter(
  deps: DeadLetterDeps,
  delivery: Delivery,
  end: { readonly code: ErrorCode; readonly detail: string; readonly attempts: number },
): Promise<void> {
  const { tenantId, messageId, topic, installId, pluginId, functionName, publishedAt } = delivery;
  const now = deps.clock.now();
  const letter: DeadLetter = {
    id: deps.newId(),
    tenantId,
    delivery,
    messageId,
    topic,
    installId,
    pluginId,
    functionName,
    errorCode: end.code,
    errorDetail: end.detail.slice(0, DETAIL_LENGTH),
    attempts: end.attempts,
    publishedAt,
    createdAt: now,
  };
  const event = newEvent({
    ...eventOf(deps, letter, SYSTEM_SUBJECT),
    type: "message.dead-lettered",
    data: { ...dataOf(letter), code: end.code, attempts: end.attempts },
  });
  await commit(deps.db, upsertDeadLetter(deps.db, letter), recordEvent(deps.db, event));
}

/** Newest first, one more than `limit` where there are more. */
export function listLetters(
  deps: Pick<Deps, "db">,
  actor: Actor,
  filter: { readonly topic?: string | undefined; readonly plugin?: string | undefined },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<DeadLetterSummary[]> {
  return listDeadLetters(deps.db, actor.tenantId, filter, { ...page, limit: page.limit + 1 });
}

/** @throws {PlatformError} DEAD_LETTER_NOT_FOUND, the same for those of other tenants */
export async function readLetter(deps: Pick<Deps, "db">, actor: Actor, id: string): Promise<DeadLetter> {
  const letter = await getDeadLetter(deps.db, actor.tenantId, id);
  if (!letter) throw new PlatformError("DEAD_LETTER_NOT_FOUND", `There is no dead letter "${id}".`);
  return letter;
}

/**
 * Sends a dead letter to its subscriber again, with all its attempts before it. It is sent before it is deleted: whoever
 * is cut off in between sends it twice, and the subscriber runs once.
 *
 * @throws {PlatformError} DEAD_LETTER_NOT_FOUND, BUS_UNAVAILABLE
 */
export async function redriveLetter(
  deps: DeadLetterDeps & Pick<Deps, "bus">,
  actor: Actor,
  id: string,
): Promise<DeadLetter> {
  const letter = await readLetter(deps, actor, id);
  await deps.bus.send([{ ...letter.delivery, counts: false }]);
  const event = newEvent({ ...eventOf(deps, letter, actor.subject), type: "message.redriven", data: dataOf(letter) });
  await remove(deps, letter, event, auditOf(deps, actor, letter, "dead-letter.redrive"));
  return letter;
}

/** @throws {PlatformError} DEAD_LETTER_NOT_FOUND */
export async function discardLetter(deps: DeadLetterDeps, actor: Actor, id: string): Promise<void> {
  const letter = await readLetter(deps, actor, id);
  const event = newEvent({ ...eventOf(deps, letter, actor.subject), type: "message.discarded", data: dataOf(letter) });
  await remove(deps, letter, event, auditOf(deps, actor, letter, "dead-letter.discard"));
}

/** Of two who remove it at once one says so. */
function remove({ db }: DeadLetterDeps, letter: DeadLetter, event: NewEvent, audit: NewAuditRow): Promise<void> {
  const isThere = deadLetterIsThere(letter);
  return commit(
    db,
    recordEventWhere(db, event, isThere),
    recordAudit(db, [audit], isThere),
    deleteDeadLetter(db, letter),
  );
}

function auditOf(
  deps: DeadLetterDeps,
  actor: Actor,
  letter: DeadLetter,
  action: "dead-letter.redrive" | "dead-letter.discard",
): NewAuditRow {
  const { pluginId, errorCode, attempts } = letter;
  const before = { ...dataOf(letter), pluginId, errorCode, attempts };
  return auditRow(actor, { action, resourceId: letter.id, before }, deps.newId(), deps.clock.now());
}

function eventOf(deps: DeadLetterDeps, { tenantId, pluginId }: DeadLetter, subject: string) {
  return { id: deps.newId(), tenantId, pluginId, subject, createdAt: deps.clock.now() };
}

function dataOf({ id, messageId, topic, installId, functionName }: DeadLetter) {
  return { deadLetterId: id, messageId, topic, installId, functionName };
}
