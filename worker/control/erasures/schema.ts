import * as v from "valibot";
import { ERASURE_STATES } from "./erasure-record.ts";

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const count = v.pipe(v.number(), v.integer());
const counts = v.record(v.string(), count);

export const ErasureBody = v.strictObject({
  confirmation: v.optional(
    v.pipe(v.string(), v.maxLength(200), v.description("What the plan's answer said: begins the erasure")),
  ),
});

export const ErasurePlanAnswer = v.object({
  tenantId: v.string(),
  name: v.string(),
  status: v.picklist(["active", "suspended"]),
  tables: v.pipe(counts, v.description("Rows of what is set up; the confirmation holds only while they stay the same")),
  records: v.pipe(counts, v.description("Rows of what happened")),
  installs: count,
  objects: v.pipe(counts, v.description("Objects of the store by place")),
  moreObjects: v.pipe(v.boolean(), v.description("There are more than were counted")),
  packages: v.pipe(
    v.object({ deleted: count, shared: count }),
    v.description("Objects of packages; shared ones stay, since other tenants have the same"),
  ),
  backups: v.pipe(count, v.description("Backups of this tenant only")),
  confirmation: v.string(),
  expiresAt: time,
});

export const ErasureAnswer = v.object({
  tenantId: v.string(),
  status: v.pipe(
    v.picklist(ERASURE_STATES),
    v.description("settling: all was deleted, and is again when nobody can write any more; completed: nothing is left"),
  ),
  requestedBy: v.string(),
  startedAt: time,
  finishedAt: v.nullable(time),
  dueAt: time,
  failures: v.pipe(count, v.description("Tries in a row that failed")),
  counts: v.pipe(
    v.object({ rows: count, installs: count, objects: count, backups: count }),
    v.description("What was deleted, at least"),
  ),
  remaining: v.pipe(v.array(v.string()), v.description("What the last scan of every store found")),
});
