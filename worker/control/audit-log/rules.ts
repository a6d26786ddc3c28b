import { AUDIT_ACTIONS, type AuditAction, type AuditResource } from "../../../sdk/contract/audit.ts";
import type { Actor } from "../../lib/actor.ts";

/** What of a change the audit log keeps, and what must not get there. */

/** Bytes of JSON kept of the state before, and as many of that after. */
export const AUDIT_VALUE_BYTES = 16 * 1024;

/** Values under such names are secrets wherever they stand: what is kept says only that there was one. */
const SECRET_NAME = /secret|password|passphrase|credential|authorization|private|api[-_]?key|token|cookie/i;
const REMOVED = "[removed]";
/** Deeper values are cut: a row is for people to read. */
const DEPTH = 12;

/** A row about to be recorded; its number is given when it is. */
export interface NewAuditRow {
  readonly id: string;
  /** Whose log it belongs to. */
  readonly tenantId: string;
  readonly action: AuditAction;
  readonly resource: AuditResource;
  readonly resourceId: string;
  readonly subject: string;
  /** Tenant of the subject: another than the log's where the platform changes a tenant. */
  readonly actorTenantId: string;
  readonly roles: readonly string[];
  /** JSON text, or null where there is none. */
  readonly before: string | null;
  readonly after: string | null;
  readonly traceId: string | null;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface AuditedChange {
  readonly action: AuditAction;
  readonly resourceId: string;
  /** State of the resource before and after, as answers show it; undefined: there is none. */
  readonly before?: unknown;
  readonly after?: unknown;
  /** Whose log; absent: the actor's own. */
  readonly tenantId?: string;
}

/**
 * @param id   ULID of the row
 * @param now  milliseconds since the epoch
 */
export function auditRow(actor: Actor, change: AuditedChange, id: string, now: number): NewAuditRow {
  return {
    id,
    tenantId: change.tenantId ?? actor.tenantId,
    action: change.action,
    resource: AUDIT_ACTIONS[change.action].resource,
    resourceId: change.resourceId,
    subject: actor.subject,
    actorTenantId: actor.tenantId,
    roles: actor.roles,
    before: auditedText(change.before),
    after: auditedText(change.after),
    traceId: actor.traceId ?? null,
    at: now,
  };
}

/** The JSON kept of a value: without secrets, and bounded in size. */
export function auditedText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const text = JSON.stringify(withoutSecrets(value, DEPTH));
  const bytes = new TextEncoder().encode(text).length;
  return bytes <= AUDIT_VALUE_BYTES ? text : JSON.stringify({ truncated: true, bytes });
}

function withoutSecrets(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return "[deeper]";
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth - 1));
  // Object.fromEntries makes own properties of any name, `__proto__` included.
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      SECRET_NAME.test(name) && typeof inner !== "number" && typeof inner !== "boolean"
        ? REMOVED
        : withoutSecrets(inner, depth - 1),
    ]),
  );
}
