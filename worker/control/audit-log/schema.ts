import * as v from "valibot";
import { AUDIT_ACTION_NAMES, AUDIT_ACTIONS, AUDIT_RESOURCES, type AuditAction } from "../../../sdk/contract/audit.ts";
import { CHAIN_FAULT_NAMES } from "./chain-rules.ts";

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

const number = v.pipe(v.number(), v.integer());

export const VerifyQuery = v.object({
  after: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,15}$/, "must be the number of a row, or 0"),
      v.transform(Number),
      v.metadata({ jsonSchema: { type: "integer", minimum: 0 } }),
      v.description("Begins behind this number; absent: with the first row"),
    ),
    "0",
  ),
});

export const VerificationAnswer = v.object({
  verified: v.pipe(number, v.description("Rows found to be as they were sealed")),
  sealed: v.pipe(number, v.description("Number of the last row that is sealed")),
  unsealed: v.object({
    rows: v.pipe(number, v.description("Written but not sealed yet; usually for less than a second")),
    since: v.nullable(v.pipe(number, v.description("When the first of them was written"))),
  }),
  head: v.pipe(
    v.nullable(v.object({ sequence: number, hash: v.string(), at: number })),
    v.description("Last seal that is kept outside the database; null where nothing was sealed yet"),
  ),
  complete: v.pipe(v.boolean(), v.description("True where all was checked up to the end, and the head")),
  next: v.pipe(v.nullable(number), v.description("`after` of the request that goes on; null where there is none")),
  firstBroken: v.optional(
    v.object({
      sequence: v.pipe(v.number(), v.description("Number of the first row concerned")),
      fault: v.picklist(CHAIN_FAULT_NAMES),
      detail: v.string(),
    }),
  ),
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
