import { ERASURE_STEPS, type Erasure, type ErasureCounts, type ErasureProgress } from "./erasure-record.ts";

/** When an erasure goes on, and when it is done. Times are milliseconds since the epoch. Pure. */

/** By then requests, calls and consumers that began before the tenant was suspended have ended. */
export const LATE_WRITES_MS = 15 * 60_000;
/**
 * By then what ends by itself has: answers kept under idempotency keys, whose objects nobody can list, notes of messages, and trial
 * restores that were given up (each a day).
 */
export const SETTLED_MS = 25 * 3_600_000;
/** Without a step for so long it is taken up by the cron job. */
export const ABANDONED_MS = 10 * 60_000;
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** Tries in a row that failed, after which the platform's log says so. */
export const REPORTED_FAILURES = 5;

export type Change = Partial<Omit<Erasure, "tenantId" | "updatedAt">>;

/** @param next  undefined: the step is done */
export function afterStep(
  erasure: Erasure,
  next: ErasureProgress | undefined,
  counts: Partial<ErasureCounts>,
  now: number,
): Change {
  const { progress } = erasure;
  const following = ERASURE_STEPS[ERASURE_STEPS.indexOf(progress.step) + 1] ?? "scan";
  return {
    status: "running",
    failures: 0,
    dueAt: now + ABANDONED_MS,
    progress: next ?? { step: following, after: "" },
    counts: {
      rows: erasure.counts.rows + (counts.rows ?? 0),
      installs: Math.max(erasure.counts.installs, counts.installs ?? 0),
      objects: erasure.counts.objects + (counts.objects ?? 0),
      backups: erasure.counts.backups + (counts.backups ?? 0),
    },
  };
}

/** After a pass over every store. @param remaining  what the scan found */
export function afterPass(erasure: Erasure, remaining: readonly string[], now: number): Change {
  const { startedAt } = erasure;
  const progress: ErasureProgress = { step: "key", after: "" };
  if (now >= startedAt + SETTLED_MS && remaining.length === 0) {
    return { status: "completed", finishedAt: now, failures: 0, progress, installs: [], remaining };
  }
  const due = [startedAt + LATE_WRITES_MS, startedAt + SETTLED_MS].find((time) => time > now);
  return { status: "settling", failures: 0, progress, remaining, dueAt: due ?? now + LONGEST_PAUSE_MS };
}

/** After a step that failed: it is tried again, ever more seldom. */
export function afterFailure({ failures }: Erasure, now: number): Change {
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
  return { failures: failures + 1, dueAt: now + pause };
}

/** Where in the store what belongs to a tenant is, but for its snapshot and packages. */
export function prefixesOf(tenantId: string): readonly string[] {
  return ["plugin-files", "storage-snapshots", "recordings", "audit-heads", "backups/blobs"].map(
    (place) => `${place}/${tenantId}/`,
  );
}

/** Named by digests, or by backups. */
const NAMELESS = /^(?:packages|modules|files|profiles|incoming|jobs|backups\/[0-9A-Z]{26})\//;
/** What stays for good: that the tenant was erased. */
const NOTE = "backups/keys/";

/** True where a key of the store names the tenant, in whatever place. */
export function namesTenant(key: string, tenantId: string): boolean {
  if (NAMELESS.test(key) || key.startsWith(NOTE)) return false;
  const places = key
    .replace(/^backups\//, "")
    .replace(/\.json$/, "")
    .split(/[/:]/);
  return places.slice(1).includes(tenantId);
}
