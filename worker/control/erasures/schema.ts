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
  tables: v.pipe(counts, v.description("Rows by table; the confirmation holds only while they stay the same")),
  records: v.pipe(counts, v.description("Rows by table of what happened, which may grow meanwhile")),
  installs: v.pipe(count, v.description("Installs whose Durable Objects would be emptied")),
  objects: v.pipe(counts, v.description("Objects of the store by place")),
  moreObjects: v.pipe(v.boolean(), v.description("There are more objects than were counted")),
  packages: v.pipe(
    v.object({ deleted: count, shared: count }),
    v.description("Objects of packages, and how many of them stay because other tenants have the same"),
  ),
  backups: v.pipe(count, v.description("Backups of this tenant only; of all others its part becomes unreadable")),
  confirmation: v.pipe(v.string(), v.description("Send it to begin the erasure")),
  expiresAt: time,
});

export const ErasureAnswer = v.object({
  tenantId: v.string(),
  status: v.pipe(
    v.picklist(ERASURE_STATES),
    v.description(
      "running; settling: all was deleted, and is once more when nobody can write any more; completed: and nothing was found",
    ),
  ),
  requestedBy: v.string(),
  startedAt: time,
  finishedAt: v.nullable(time),
  dueAt: v.pipe(time, v.description("When it goes on at the latest")),
  failures: v.pipe(count, v.description("Tries in a row that failed")),
  counts: v.pipe(
    v.object({ rows: count, installs: count, objects: count, backups: count }),
    v.description("What was deleted"),
  ),
  remaining: v.pipe(
    v.array(v.string()),
    v.description("What the last scan of all tables, keys of the store and backups found of the tenant"),
  ),
});
