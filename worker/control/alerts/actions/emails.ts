import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Deps } from "../../../deps.ts";
import { isAddress } from "../../../email/mime-rules.ts";
import type { Actor } from "../../../lib/actor.ts";
import { sha256Hex, toHex } from "../../../lib/hex.ts";
import { listEvents } from "../../events/store.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { ringAll, type DispatchDeps } from "../../webhooks/actions/dispatch.ts";
import { getDelivery, listDeliveries, reviveDelivery } from "../../webhooks/delivery-store.ts";
import type { Sending } from "../../webhooks/actions/post.ts";
import type { DeliveryState, WebhookDelivery } from "../../webhooks/webhook-record.ts";
import type { AlertEmail } from "../alert-record.ts";
import {
  confirmEmail,
  countLinks,
  deleteEmail,
  findLinked,
  getEmail,
  listEmails,
  putEmail,
  sentTimes,
} from "../email-store.ts";
import {
  alertMail,
  confirmationMail,
  EMAILS,
  HOUR_MS,
  LINK_MS,
  LINKS_PER_HOUR,
  linkToken,
  MAILS_PER_HOUR,
  parseLink,
} from "../mail-rules.ts";
import { notConfigured, quotaExceeded, traceOf } from "./manage.ts";

export type EmailDeps = Pick<Deps, "db" | "clock" | "newId" | "randomBytes" | "email">;

const SECRET_BYTES = 32;

export function listAddresses(deps: Pick<Deps, "db">, { tenantId }: Actor): Promise<AlertEmail[]> {
  return listEmails(deps.db, tenantId);
}

/** @throws {PlatformError} EMAIL_NOT_FOUND */
export async function readAddress(deps: Pick<Deps, "db">, { tenantId }: Actor, id: string): Promise<AlertEmail> {
  const email = await getEmail(deps.db, tenantId, id);
  if (email) return email;
  throw new PlatformError("EMAIL_NOT_FOUND", `There is no address "${id}".`);
}

/**
 * Keeps an address and mails it the link that confirms it. For one that waits already, a new link takes the place of the old.
 *
 * @param origin  of this API, for the link
 * @throws {PlatformError} EMAIL_NOT_CONFIGURED, REQUEST_INVALID, QUOTA_EXCEEDED; ALREADY_EXISTS where it is confirmed;
 *   EMAIL_REFUSED where the provider did not take the message: the address waits, and can be added again
 */
export async function addAddress(deps: EmailDeps, actor: Actor, address: string, origin: string): Promise<AlertEmail> {
  const { db, email: provider } = deps;
  if (!provider) throw notConfigured();
  if (!isAddress(address)) {
    const message = "must be an address such as alerts@example.com";
    throw new PlatformError("REQUEST_INVALID", `The address ${message}.`, { issues: [{ path: "/address", message }] });
  }
  const now = deps.clock.now();
  if ((await countLinks(db, actor.tenantId, now - HOUR_MS)) >= LINKS_PER_HOUR) {
    throw quotaExceeded("confirmations mailed within an hour", LINKS_PER_HOUR);
  }
  const secret = toHex(deps.randomBytes(SECRET_BYTES));
  const id = deps.newId();
  const link = { linkHash: await sha256Hex(secret), linkExpiresAt: now + LINK_MS };
  const made = { createdBy: actor.subject, createdAt: now, updatedAt: now };
  const row: AlertEmail = { id, tenantId: actor.tenantId, address, ...link, confirmedAt: null, ...made };
  const trace = traceOf(
    deps,
    actor,
    "alert.email-changed",
    { emailId: id, change: "added" },
    {
      action: "alert-email.add",
      resourceId: id,
      after: { address },
    },
  );
  const kept = await putEmail(db, row, EMAILS, trace);
  if (!kept) throw quotaExceeded("addresses for alerts", EMAILS);
  if (kept.confirmedAt !== null) throw new PlatformError("ALREADY_EXISTS", "The address is confirmed already.");
  const url = `${origin}/api/plugins/alerts/emails/confirm?token=${linkToken(kept.id, secret)}`;
  const mail = { id: deps.newId(), to: address, ...confirmationMail(actor.tenantId, url) };
  const { errorCode, status } = await provider.send(mail);
  if (errorCode === null) return kept;
  const answer = status === null ? "" : ` It answered ${status}.`;
  throw new PlatformError(
    "EMAIL_REFUSED",
    `The e-mail provider did not take the confirmation (${errorCode}).${answer}`,
  );
}

/** The address that a link is about. @throws {PlatformError} EMAIL_LINK_INVALID */
export async function readLink(deps: Pick<Deps, "db" | "clock">, token: string): Promise<AlertEmail> {
  const link = parseLink(token);
  const email = link && (await findLinked(deps.db, link.id, await sha256Hex(link.secret)));
  if (email && (email.linkExpiresAt ?? 0) > deps.clock.now()) return email;
  throw new PlatformError("EMAIL_LINK_INVALID", "The link was used, was replaced, or is past its 24 hours.");
}

/** @throws {PlatformError} EMAIL_LINK_INVALID */
export async function confirmAddress(deps: EmailDeps, token: string): Promise<AlertEmail> {
  const email = await readLink(deps, token);
  const { tenantId, id } = email;
  // Whoever has the link acts; all that is known of them is the address.
  const actor: Actor = { tenantId, subject: `email:${id}`, roles: [] };
  const { event, audit } = traceOf(
    deps,
    actor,
    "alert.email-changed",
    { emailId: id, change: "confirmed" },
    {
      action: "alert-email.confirm",
      resourceId: id,
      after: { address: email.address },
    },
  );
  if (await confirmEmail(deps.db, email, deps.clock.now(), event, audit)) return email;
  throw new PlatformError("EMAIL_LINK_INVALID", "The link was used meanwhile.");
}

/** Nothing more is sent to the address. @throws {PlatformError} EMAIL_NOT_FOUND */
export async function removeAddress(deps: EmailDeps, actor: Actor, id: string): Promise<void> {
  const email = await readAddress(deps, actor, id);
  const trace = traceOf(
    deps,
    actor,
    "alert.email-changed",
    { emailId: id, change: "deleted" },
    {
      action: "alert-email.delete",
      resourceId: id,
      before: { address: email.address, confirmedAt: email.confirmedAt },
    },
  );
  if (await deleteEmail(deps.db, email, trace)) return;
  throw new PlatformError("EMAIL_NOT_FOUND", `There is no address "${id}".`);
}

/** Newest first, one more than `limit` where there are more. @throws {PlatformError} EMAIL_NOT_FOUND */
export async function listMailed(
  deps: Pick<Deps, "db">,
  actor: Actor,
  id: string,
  filter: { readonly state?: DeliveryState | undefined },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<WebhookDelivery[]> {
  const email = await readAddress(deps, actor, id);
  return listDeliveries(deps.db, email, filter, { ...page, limit: page.limit + 1 });
}

/**
 * Mails again what was given up, with all its attempts before it.
 *
 * @throws {PlatformError} EMAIL_NOT_FOUND, DELIVERY_NOT_FOUND; STATE_CONFLICT where it is on its way or was delivered
 */
export async function redriveMail(
  deps: EmailDeps & DispatchDeps,
  actor: Actor,
  id: string,
  deliveryId: string,
): Promise<WebhookDelivery> {
  const email = await readAddress(deps, actor, id);
  const bell = { tenantId: actor.tenantId, deliveryId };
  const delivery = await getDelivery(deps.db, bell);
  if (delivery?.webhookId !== email.id) {
    throw new PlatformError("DELIVERY_NOT_FOUND", `The address has no delivery "${deliveryId}".`);
  }
  const now = deps.clock.now();
  const { eventId, state, errorCode } = delivery;
  const audited = {
    action: "alert-email.redrive",
    resourceId: id,
    before: { deliveryId, eventId, state, errorCode },
  } as const;
  if (!(await reviveDelivery(deps.db, delivery, now, auditRow(actor, audited, deps.newId(), now)))) {
    throw new PlatformError("STATE_CONFLICT", `The delivery is ${state}; only one given up is sent again.`);
  }
  await ringAll(deps, [bell]);
  return { ...delivery, state: "pending", attempts: 0, dueAt: now, updatedAt: now };
}

/** Dropped where the address is gone, or the event is past its retention; later where the address had enough for an hour. */
export async function mailRequest(
  deps: Pick<Deps, "db" | "clock" | "email">,
  { id, tenantId, webhookId, sequence }: WebhookDelivery,
): Promise<Sending> {
  const { db, email: provider } = deps;
  const now = deps.clock.now();
  const [email, events, sent] = await Promise.all([
    getEmail(db, tenantId, webhookId),
    listEvents(db, tenantId, { after: sequence - 1, before: sequence + 1 }, { limit: 1, order: "oldest" }),
    sentTimes(db, { tenantId, id: webhookId }, now - HOUR_MS, MAILS_PER_HOUR),
  ]);
  const [event] = events;
  if (!email || email.confirmedAt === null || !event)
    return { dropped: email ? "EMAIL_UNCONFIRMED" : "EMAIL_NOT_FOUND" };
  const [oldest] = sent;
  if (oldest !== undefined && sent.length >= MAILS_PER_HOUR) return { later: oldest + HOUR_MS };
  if (!provider) return { dropped: "EMAIL_NOT_CONFIGURED" };
  return { send: () => provider.send({ id, to: email.address, ...alertMail(tenantId, event) }) };
}
