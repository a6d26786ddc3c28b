import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { BACKUP_STATES, BACKUP_TRIGGERS } from "./backup-record.ts";

const id = v.pipe(v.string(), v.regex(ULID_PATTERN, "must be the id of a backup or restore"));
const name = (what: string) => v.pipe(v.string(`must name ${what}`), v.minLength(1), v.maxLength(255));
const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const count = v.pipe(v.number(), v.integer());

export const BackupParams = v.object({ backup: id });
export const RestoreParams = v.object({ restore: id });
export const BackupFilter = v.object({
  status: v.optional(v.picklist(BACKUP_STATES, `must be one of ${BACKUP_STATES.join(", ")}`)),
});

export const BackupBody = v.strictObject({
  tenantId: v.optional(v.pipe(name("a tenant"), v.description("One tenant; left out: the whole system"))),
  trigger: v.optional(
    v.pipe(
      v.picklist(["manual", "migration"], "must be manual or migration"),
      v.description("`migration`: before migrations are applied"),
    ),
    "manual",
  ),
});

const scope = v.variant(
  "kind",
  [
    v.strictObject({ kind: v.literal("system") }),
    v.strictObject({ kind: v.literal("tenant"), tenantId: name("a tenant") }),
    v.strictObject({ kind: v.literal("install"), tenantId: name("a tenant"), pluginId: name("a plugin") }),
  ],
  'must have a kind: "system", "tenant" or "install"',
);
export type RestoreScope = v.InferOutput<typeof scope>;

export const RestoreBody = v.strictObject({
  backup: id,
  scope,
  dryRun: v.optional(v.pipe(v.boolean(), v.description("True: only the plan, whatever else the body says")), false),
  confirmation: v.optional(
    v.pipe(v.string(), v.maxLength(200), v.description("What the plan's answer said: begins the restore")),
  ),
});

const counts = v.object({ tenants: count, installs: count, rows: count, chunks: count, blobs: count, newBlobs: count });
const scopeAnswer = {
  scope: v.picklist(["system", "tenant", "install"]),
  tenantId: v.nullable(v.string()),
  installId: v.nullable(v.string()),
};

export const BackupAnswer = v.object({
  id: v.string(),
  ...scopeAnswer,
  trigger: v.picklist(BACKUP_TRIGGERS),
  status: v.pipe(
    v.picklist(BACKUP_STATES),
    v.description(
      "running; written: whole, not tried yet; verified: a trial restore was equal; failed: never whole, or damaged since",
    ),
  ),
  reason: v.pipe(v.nullable(v.string()), v.description("Why it failed, or what it leaves out")),
  requestedBy: v.string(),
  startedAt: time,
  finishedAt: v.nullable(time),
  readFrom: v.nullable(time),
  readTo: v.pipe(v.nullable(time), v.description("Each tenant's state is from one moment between readFrom and readTo")),
  verifiedAt: v.nullable(time),
  schemaVersion: v.pipe(v.nullable(v.string()), v.description("The last migration of the database")),
  keyId: v.nullable(v.string()),
  manifestDigest: v.pipe(v.nullable(v.string()), v.description("SHA-256, hexadecimal")),
  counts,
  bytes: v.pipe(count, v.description("Stored, without copies of packages and files, which backups share")),
});

export const RestoreAnswer = v.object({
  id: v.string(),
  backupId: v.string(),
  ...scopeAnswer,
  status: v.picklist(["running", "completed", "failed"]),
  phase: v.pipe(
    v.nullable(v.string()),
    v.description("safety: what there is is being backed up; blobs; parts; compile"),
  ),
  reason: v.pipe(v.nullable(v.string()), v.description("Why it failed, or which tenants did not come back")),
  requestedBy: v.string(),
  safetyBackupId: v.pipe(v.string(), v.description("The backup of what there was before")),
  startedAt: time,
  finishedAt: v.nullable(time),
  counts: v.object({ tenants: count, installs: count, rows: count, blobs: count }),
});

export const PlanAnswer = v.object({
  backup: v.string(),
  scope: v.record(v.string(), v.string()),
  from: time,
  to: time,
  tenants: v.array(v.string()),
  untouched: v.pipe(v.array(v.string()), v.description("Tenants that the backup does not have; they stay as they are")),
  erased: v.pipe(
    v.record(v.string(), time),
    v.description(
      "Tenants of the backup that were erased since, and when: their parts cannot be read and do not come back",
    ),
  ),
  tables: v.pipe(
    v.record(v.string(), v.object({ added: count, changed: count, removed: count, same: count })),
    v.description("Tables of state that would change"),
  ),
  installs: v.pipe(count, v.description("Installs whose storage, database, files and health would be replaced")),
  records: v.pipe(
    count,
    v.description("Rows of logs and history in the backup: those that are missing would be added"),
  ),
  verified: v.boolean(),
  confirmation: v.pipe(v.string(), v.description("Send it with the same body to begin the restore")),
  expiresAt: time,
});
