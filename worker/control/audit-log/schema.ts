import * as v from "valibot";
import { AUDIT_ACTION_NAMES, AUDIT_ACTIONS, AUDIT_RESOURCES, type AuditAction } from "../../../sdk/contract/audit.ts";

const NAME_LENGTH = 255;

const time = v.pipe(
  v.string(),
  v.regex(/^\d{1,15}$/, "must be milliseconds since the epoch"),
  v.transform(Number),
  v.metadata({ jsonSchema: { type: "integer", minimum: 0 } }),
);
const name = v.pipe(v.string(), v.minLength(1, "must not be empty"), v.maxLength(NAME_LENGTH));

export const AuditFilter = v.object({
  action: v.optional(v.picklist(AUDIT_ACTION_NAMES, `must be one of ${AUDIT_ACTION_NAMES.join(", ")}`)),
  resource: v.optional(v.picklist(AUDIT_RESOURCES, `must be one of ${AUDIT_RESOURCES.join(", ")}`)),
  resourceId: v.optional(v.pipe(name, v.description("Such as a plugin's id"))),
  subject: v.optional(v.pipe(name, v.description("Who did it"))),
  from: v.optional(v.pipe(time, v.description("At or after; milliseconds since the epoch"))),
  to: v.optional(v.pipe(time, v.description("Before; milliseconds since the epoch"))),
});

const state = v.pipe(
  v.unknown(),
  v.description("Null where there is none; secrets are removed, and what is larger than 16 KiB is left out"),
);

export const AuditAnswer = v.object({
  id: v.string(),
  sequence: v.pipe(v.number(), v.integer(), v.description("Counts the tenant's rows from 1, without gaps")),
  action: v.picklist(AUDIT_ACTION_NAMES),
  title: v.string(),
  resource: v.picklist(AUDIT_RESOURCES),
  resourceId: v.string(),
  subject: v.pipe(v.string(), v.description("Subject of the token, or `key:` and the id of the API key")),
  actorTenantId: v.pipe(v.string(), v.description("Another tenant than one's own where the platform did it")),
  roles: v.array(v.string()),
  before: state,
  after: state,
  traceId: v.nullable(v.string()),
  at: v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch")),
});

/** A row as the database holds it. */
export interface AuditRow extends Omit<v.InferOutput<typeof AuditAnswer>, "title" | "before" | "after" | "action"> {
  readonly action: AuditAction;
  readonly before: string | null;
  readonly after: string | null;
}

export function describeAudit(row: AuditRow): v.InferInput<typeof AuditAnswer> {
  const { id, sequence, action, resource, resourceId, subject, actorTenantId, roles, traceId, at } = row;
  return {
    id,
    sequence,
    action,
    title: AUDIT_ACTIONS[action].title,
    resource,
    resourceId,
    subject,
    actorTenantId,
    roles,
    before: parsed(row.before),
    after: parsed(row.after),
    traceId,
    at,
  };
}

function parsed(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}
