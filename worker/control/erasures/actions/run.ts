import { scratchOf } from "../../../../durable-objects/backup-scratch/client.ts";
import { streamOf } from "../../../../durable-objects/event-stream/client.ts";
import { snapshotKey } from "../../../execution/snapshot.ts";
import { deletePrefix } from "../../../lib/bucket-pages.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { deleteBackup, readManifest } from "../../backups/archive-store.ts";
import { tenantsOf } from "../../backups/restore-rules.ts";
import { deleteBackupRow, listBackups } from "../../backups/store.ts";
import { eraseTenantKey } from "../../backups/tenant-key-store.ts";
import { destroyInstall } from "../../removals/actions.ts";
import { launch } from "../../backups/actions/manage.ts";
import type { Erasure, ErasureCounts, ErasureProgress, ErasureStep } from "../erasure-record.ts";
import { findObjects } from "../objects-store.ts";
import { countOwnedRows, deleteOwnedRows, listInstallIds, listOwnedTables } from "../rows-store.ts";
import {
  afterFailure,
  afterPass,
  afterStep,
  prefixesOf,
  REPORTED_FAILURES,
  SETTLED_MS,
  type Change,
} from "../rules.ts";
import { changeErasure, getErasure, listDueErasures } from "../store.ts";
import { tell, type ErasureDeps } from "./context.ts";
import { erasePackages } from "./packages.ts";

/** Installs whose objects one step empties. */
const INSTALLS_PER_STEP = 10;
/** Listings of up to 1,000 objects that one step deletes. */
const PAGES_PER_STEP = 20;
/** Statements of one step that delete rows. */
const STATEMENTS_PER_STEP = 10;
const BACKUPS_LISTED = 1_000;
const ERASURES_PER_RUN = 20;
/** Places that one report names. */
const NAMED = 50;

interface Done {
  /** Where the step goes on; undefined: it is done. */
  readonly next?: string | undefined;
  readonly counts?: Partial<ErasureCounts>;
  readonly change?: Change;
}

/**
 * Takes one step, of bounded size. Where it is comes from the row and goes back into it; each step can be taken again.
 *
 * @returns true where nothing is left to do for now, or somebody else is at it
 */
export async function advanceErasure(deps: ErasureDeps, tenantId: string): Promise<boolean> {
  const erasure = await getErasure(deps.db, tenantId);
  if (!erasure || erasure.status === "completed") return true;
  if (erasure.status === "settling" && erasure.dueAt > deps.clock.now()) return true;
  const { step, after } = erasure.progress;
  const done = await STEPS[step](deps, erasure, after);
  const now = deps.clock.now();
  const next: ErasureProgress | undefined = done.next === undefined ? undefined : { step, after: done.next };
  const change =
    step === "scan" && !next
      ? afterPass(erasure, done.change?.remaining ?? [], now)
      : { ...afterStep(erasure, next, done.counts ?? {}, now), ...done.change };
  if (!(await changeErasure(deps.db, erasure, change, now))) return true;
  await tellOfPass(deps, erasure, change);
  return change.status !== "running";
}

async function tellOfPass(deps: ErasureDeps, { tenantId, startedAt, counts }: Erasure, change: Change): Promise<void> {
  const { rows, objects } = counts;
  if (change.status === "completed") await tell(deps, "tenant.erased", { tenantId, rows, objects });
  const late = deps.clock.now() >= startedAt + SETTLED_MS;
  const reason = change.remaining?.join("; ") ?? "";
  if (change.status === "settling" && late) await tell(deps, "tenant.not-erased", { tenantId, reason });
}

const STEPS: Readonly<Record<ErasureStep, (deps: ErasureDeps, erasure: Erasure, after: string) => Promise<Done>>> = {
  key: takeKey,
  installs: emptyInstalls,
  objects: deleteObjects,
  backups: deleteBackups,
  packages: async (deps, { tenantId }) => ({ counts: { objects: await erasePackages(deps, tenantId) } }),
  rows: deleteRows,
  scan,
};

async function takeKey(deps: ErasureDeps, { tenantId, installs, startedAt }: Erasure): Promise<Done> {
  await eraseTenantKey(deps, tenantId, startedAt);
  const there = await listInstallIds(deps.env.DB, tenantId);
  return { change: { installs: [...new Set([...installs, ...there])] } };
}

async function emptyInstalls(deps: ErasureDeps, { tenantId, installs }: Erasure, after: string): Promise<Done> {
  const from = Number(after);
  const chosen = installs.slice(from, from + INSTALLS_PER_STEP);
  await Promise.all(chosen.map((installId) => destroyInstall(deps, { tenantId, installId })));
  const end = from + chosen.length;
  return { counts: { installs: end }, next: end < installs.length ? String(end) : undefined };
}

async function deleteObjects(deps: ErasureDeps, { tenantId }: Erasure, after: string): Promise<Done> {
  const prefixes = prefixesOf(tenantId);
  const at = Number(after);
  const prefix = prefixes[at];
  if (prefix === undefined) {
    await streamOf(deps.env.EVENT_STREAM, tenantId).destroy();
    return {};
  }
  const { deleted, more } = await deletePrefix(deps.env.STORE, prefix, PAGES_PER_STEP);
  return { counts: { objects: deleted }, next: String(more ? at : at + 1) };
}

/** Backups of this tenant alone; of those of the system only its part is lost, by its key. */
async function deleteBackups(deps: ErasureDeps, { tenantId }: Erasure): Promise<Done> {
  const backups = await listBackups(deps.db, {}, { limit: BACKUPS_LISTED });
  const own = backups.filter((backup) => backup.tenantId === tenantId);
  for (const { id } of own) {
    await scratchOf(deps.env.BACKUP_SCRATCH, id).destroy();
    await deleteBackup(deps, id);
    await deleteBackupRow(deps.db, id);
  }
  return { counts: { backups: own.length } };
}

/** And then the snapshot, which nothing can make again. */
async function deleteRows(deps: ErasureDeps, { tenantId }: Erasure, after: string): Promise<Done> {
  const tables = await listOwnedTables(deps.env.DB);
  let table = after === "" ? tables[0] : after;
  let rows = 0;
  for (let statement = 0; table !== undefined && statement < STATEMENTS_PER_STEP; statement++) {
    const { deleted, more } = await deleteOwnedRows(deps.env.DB, table, tenantId);
    rows += deleted;
    if (!more) table = tables[tables.indexOf(table) + 1];
  }
  if (table !== undefined) return { counts: { rows }, next: table };
  await deps.env.STORE.delete(snapshotKey(tenantId));
  return { counts: { rows } };
}

/** Looks through every table, every key of the store and every backup for what is left. */
async function scan(deps: ErasureDeps, { tenantId, remaining: known }: Erasure, after: string): Promise<Done> {
  const { found, after: next } = await findObjects(deps.env.STORE, tenantId, after);
  const objects = found.map((key) => `object ${key}`);
  const before = after === "" ? await findRows(deps, tenantId) : known;
  const remaining = [...before, ...objects].slice(0, NAMED);
  return { next, change: { remaining } };
}

async function findRows(deps: ErasureDeps, tenantId: string): Promise<readonly string[]> {
  const rows = Object.entries(await countOwnedRows(deps.env.DB, tenantId));
  return [...rows.map(([table, count]) => `${count} rows of ${table}`), ...(await findReadableBackups(deps, tenantId))];
}

/** Backups of before tenants had keys, which can still be read. */
async function findReadableBackups(deps: ErasureDeps, tenantId: string): Promise<readonly string[]> {
  const readable: string[] = [];
  for (const { id, manifestDigest } of await listBackups(deps.db, {}, { limit: BACKUPS_LISTED })) {
    if (manifestDigest === null) continue;
    try {
      const manifest = await readManifest(deps, id, manifestDigest);
      if (manifest.format === 1 && tenantsOf(manifest).includes(tenantId)) readable.push(`backup ${id}`);
    } catch (error) {
      // Nobody can read it, and it is found by its verification.
      logError("erasures.backup-unreadable", { backupId: id, error: errorText(error) });
    }
  }
  return readable;
}

/** After the last try of a step: later more. */
export async function postponeErasure(deps: ErasureDeps, tenantId: string, error: unknown): Promise<void> {
  const erasure = await getErasure(deps.db, tenantId);
  if (!erasure || erasure.status === "completed") return;
  const reason = errorText(error);
  logError("erasures.failed", { tenantId, failures: erasure.failures + 1, error: reason });
  const change = afterFailure(erasure, deps.clock.now());
  if (!(await changeErasure(deps.db, erasure, change, deps.clock.now()))) return;
  if (change.failures === REPORTED_FAILURES) await tell(deps, "tenant.not-erased", { tenantId, reason });
}

/** What the cron job does: erasures whose time has come, or whose worker died, go on. */
export async function continueErasures(deps: ErasureDeps): Promise<void> {
  for (const { tenantId } of await listDueErasures(deps.db, deps.clock.now(), ERASURES_PER_RUN)) {
    await launch(deps, { kind: "erasure", id: tenantId });
  }
}
