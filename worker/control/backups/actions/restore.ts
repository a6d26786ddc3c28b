import { PLATFORM_TENANT } from "../../../../sdk/contract/identifiers.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Actor } from "../../../lib/actor.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { recordAudit } from "../../audit-log/store.ts";
import type { Manifest } from "../archive-record.ts";
import { readManifest } from "../archive-store.ts";
import { NOTHING_RESTORED, NO_COUNTS } from "../backup-record.ts";
import {
  erasedOf,
  isErased,
  isWithin,
  requireColumns,
  requireReadable,
  requireWithin,
  tenantsOf,
  tenantsWithin,
} from "../restore-rules.ts";
import type { RestoreScope } from "../schema.ts";
import {
  adoptBackup,
  getBackup,
  insertBackup,
  insertRestore,
  isRestoring,
  scopeColumns,
  type Backup,
  type Restore,
} from "../store.ts";
import { isReplaced, ownRows, type Scope, type TableDiff } from "../table-rules.ts";
import { listMigrations, readSchema, type DatabaseSchema } from "../schema-store.ts";
import { chosenTables, compareRows, countRows, type Compared, listTenantsAfter } from "../table-store.ts";
import { listErased } from "../tenant-key-store.ts";
import { confirm, refuseConfirmation, type Confirmation } from "./confirm.ts";
import type { BackupDeps } from "./context.ts";
import { launch, newBackup } from "./manage.ts";
import { findInstall, stateOf, tenantChunks, withinScope } from "./parts.ts";

export interface RestorePlan {
  readonly backup: string;
  readonly scope: Scope;
  /** When the backup was read, milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly tenants: readonly string[];
  /** Tenants that the backup does not have; they stay as they are. */
  readonly untouched: readonly string[];
  /** Tenants of the backup that were erased since, and do not come back: when, milliseconds since the epoch. */
  readonly erased: Readonly<Record<string, number>>;
  /** By table: what would be added, changed and removed. Tables that stay the same are left out. */
  readonly tables: Readonly<Record<string, TableDiff>>;
  /** Installs whose storage, database, files and health would be replaced. */
  readonly installs: number;
  /** Rows of logs and of the history that the backup has: those that are missing would be added. */
  readonly records: number;
  /** The backup that would be restored was tried. */
  readonly verified: boolean;
}

/** Tenants that one plan names. */
const NAMED = 1_000;

/**
 * What a restore would do. Nothing is changed.
 *
 * @throws {PlatformError} BACKUP_NOT_FOUND, BACKUP_UNREADABLE, BACKUP_KEY_UNKNOWN, RESTORE_REFUSED
 */
export async function planRestore(deps: BackupDeps, backupId: string, wanted: RestoreScope): Promise<RestorePlan> {
  const backup = await findBackup(deps, backupId);
  if (backup.manifestDigest === null)
    throw new PlatformError("RESTORE_REFUSED", `The backup is ${backup.status} and not whole.`);
  const manifest = await readManifest(deps, backup.id, backup.manifestDigest);
  requireReadable(manifest, await listMigrations(deps.env.DB));
  const erased = await listErased(deps);
  const scope = await resolveScope(deps, manifest, wanted);
  requireWithin(manifest, scope, erased);
  const schema = await readSchema(deps.env.DB);
  const tenants = tenantsWithin(manifest, scope, erased);
  const tables: Record<string, TableDiff> = {};
  for (const tenantId of tenants) await addDiff(deps, schema, manifest, scope, tenantId, tables);
  const parts = manifest.chunks.filter(({ part }) => isWithin(part, scope) && !isErased(part, erased));
  const all = scope.kind === "system" ? await listTenantsAfter(deps.env.DB, "", NAMED) : [];
  return {
    backup: backup.id,
    scope,
    from: manifest.from,
    to: manifest.to,
    tenants,
    untouched: all.filter((tenantId) => !tenantsOf(manifest).includes(tenantId)),
    erased: Object.fromEntries(erasedOf(manifest, erased)),
    tables: Object.fromEntries(
      Object.entries(tables).filter(([, { added, changed, removed }]) => added + changed + removed > 0),
    ),
    installs: new Set(parts.map(({ part }) => part).filter((part) => part.startsWith("objects/"))).size,
    records: parts.reduce((sum, { part, rows }) => sum + (/^(?:log|history)\//.test(part) ? rows : 0), 0),
    verified: backup.status === "verified",
  };
}

/** A backup that only the store knows, as in an environment that was lost, is written down first. */
async function findBackup(deps: BackupDeps, id: string): Promise<Backup> {
  const known = await getBackup(deps.db, id);
  if (known) return known;
  const manifest = await readManifest(deps, id, undefined).catch((cause: unknown) => {
    throw new PlatformError("BACKUP_NOT_FOUND", `There is no backup "${id}", or none that can be read.`, { cause });
  });
  const { scope, from, to, schema, chunks } = manifest;
  const tenantId = scope.tenantId ?? null;
  const rows = chunks.reduce((sum, chunk) => sum + (chunk.part === "blobs" ? 0 : chunk.rows), 0);
  await adoptBackup(deps.db, {
    id,
    scope: scope.kind,
    tenantId,
    installId: scope.installId ?? null,
    trigger: "manual",
    status: "written",
    reason: "found in the store",
    requestedBy: "system",
    startedAt: from,
    finishedAt: to,
    readFrom: from,
    readTo: to,
    verifiedAt: null,
    schemaVersion: schema,
    keyId: null,
    manifestDigest: await sha256Hex(JSON.stringify(manifest)),
    counts: { ...NO_COUNTS, tenants: tenantsOf(manifest).length, rows, chunks: chunks.length },
    bytes: 0,
    progress: null,
    updatedAt: deps.clock.now(),
  });
  return findBackup(deps, id);
}

/** An install is named by its plugin; which it is, the backup says. */
async function resolveScope(deps: BackupDeps, manifest: Manifest, wanted: RestoreScope): Promise<Scope> {
  if (wanted.kind !== "install") return wanted;
  const { tenantId, pluginId } = wanted;
  const found = await findInstall(deps, manifest, tenantId, "plugin_id", pluginId);
  if (!found)
    throw new PlatformError("RESTORE_REFUSED", `The backup holds no install of "${pluginId}" of tenant "${tenantId}".`);
  const installId = String(found["id"]);
  const live = await deps.env.DB.prepare("SELECT id FROM plugin_instances WHERE tenant_id = ? AND plugin_id = ?")
    .bind(tenantId, pluginId)
    .first<{ id: string }>();
  if (live && live.id !== installId) {
    throw new PlatformError(
      "RESTORE_REFUSED",
      `"${pluginId}" is another install today than in the backup; restore the tenant as a whole.`,
    );
  }
  return { kind: "install", tenantId, installId };
}

/** Adds what a restore would do to one tenant's tables. */
async function addDiff(
  deps: BackupDeps,
  schema: DatabaseSchema,
  manifest: Manifest,
  scope: Scope,
  tenantId: string,
  sums: Record<string, TableDiff>,
): Promise<void> {
  const { DB } = deps.env;
  const add = (name: string, { added = 0, changed = 0, removed = 0, same = 0 }: Partial<TableDiff>): void => {
    const sum = sums[name] ?? { added: 0, changed: 0, removed: 0, same: 0 };
    sums[name] = {
      added: sum.added + added,
      changed: sum.changed + changed,
      removed: sum.removed + removed,
      same: sum.same + same,
    };
  };
  const chosen = chosenTables(schema.tables, stateOf(scope, tenantId));
  const replaced = chosen.filter(({ table }) => isReplaced(table.kind));
  const counts = await countRows(DB, replaced);
  for (const [index, { table }] of replaced.entries()) add(table.name, { removed: counts[index] ?? 0 });
  const within = await withinScope(deps, manifest, scope);
  for await (const chunk of tenantChunks(deps, manifest, tenantId)) {
    const compared = within(chunk).flatMap((rows): Compared[] => {
      const found = schema.tables.find(({ name }) => name === rows.table);
      const table = requireColumns(found, rows.table, rows.columns);
      const live = chosen.find((one) => one.table === table)?.condition;
      // Of shared rows a tenant's own are set; one install's restore only adds them.
      if (!live || (table.kind === "shared" && scope.kind === "install")) return [];
      return [{ table, live, rows: table.kind === "shared" ? ownRows(rows, tenantId) : rows }];
    });
    for (const { table, rows } of compared) add(table.name, { added: rows.rows.length });
    for (const { table, present, same } of await compareRows(DB, compared)) {
      const removed = isReplaced(table.kind) ? -present : 0;
      add(table.name, { added: -present, changed: present - same, removed, same });
    }
  }
}

const PURPOSE = "patchbay restore";

/** A token that confirms this plan, for a short time, by the same subject. */
export function confirmationOf(deps: BackupDeps, actor: Actor, plan: RestorePlan): Promise<Confirmation> {
  return confirm(deps, PURPOSE, actor, plan);
}

/**
 * Begins a restore that was planned and confirmed: first a backup of what there is, then, step by step, the backup that was asked
 * for.
 *
 * @param confirmation  what the plan's answer said
 * @throws {PlatformError} RESTORE_REFUSED where it is not, or no longer, the confirmation of this plan; STATE_CONFLICT while
 *   another restore of the same tenants runs
 */
export async function startRestore(
  deps: BackupDeps,
  actor: Actor,
  backupId: string,
  wanted: RestoreScope,
  confirmation: string,
): Promise<Restore> {
  const plan = await planRestore(deps, backupId, wanted);
  const refused = await refuseConfirmation(deps, PURPOSE, actor, plan, confirmation);
  if (refused !== undefined) throw new PlatformError("RESTORE_REFUSED", refused);
  if (await isRestoring(deps.db, plan.scope))
    throw new PlatformError("STATE_CONFLICT", "Another restore of the same tenants runs.");
  const safety = await newBackup(deps, plan.scope, "restore", actor.subject);
  const now = deps.clock.now();
  const restore: Restore = {
    id: deps.newId(),
    backupId,
    ...scopeColumns(plan.scope),
    status: "running",
    reason: null,
    requestedBy: actor.subject,
    safetyBackupId: safety.id,
    startedAt: now,
    finishedAt: null,
    counts: NOTHING_RESTORED,
    progress: { phase: "safety", chunk: 0, after: "" },
    updatedAt: now,
  };
  const audited = {
    action: "backup.restore",
    resourceId: backupId,
    after: { restoreId: restore.id, ...plan },
    tenantId: PLATFORM_TENANT,
  } as const;
  await deps.db.batch([
    insertBackup(deps.db, safety),
    insertRestore(deps.db, restore),
    recordAudit(deps.db, [auditRow(actor, audited, deps.newId(), now)]),
  ]);
  await launch(deps, { kind: "restore", id: restore.id });
  return restore;
}
