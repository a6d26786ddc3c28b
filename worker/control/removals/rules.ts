/** When the data of a removed install is deleted. Times are milliseconds since the epoch. Pure. */

/**
 * By then nobody writes any more: other isolates know of the removal after 30 s, calls that were running have ended, and what they
 * began to store is done or given up (10 minutes, durable-objects/plugin-files/rules.ts).
 */
export const LATE_WRITES_MS = 15 * 60_000;
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 6 * 3_600_000;
/** Tries in a row that failed, after which the tenant's log says so. */
export const REPORTED_FAILURES = 5;

export interface Removal {
  readonly installId: string;
  readonly tenantId: string;
  readonly pluginId: string;
  readonly removedAt: number;
  readonly dueAt: number;
  /** Tries that failed since the last that did not. */
  readonly failures: number;
}

/** After a pass that deleted all there was: undefined where it was the last one. */
export function afterPass(removal: Removal, now: number): Removal | undefined {
  const settled = removal.removedAt + LATE_WRITES_MS;
  return now >= settled ? undefined : { ...removal, dueAt: settled, failures: 0 };
}

/** After a pass that failed, or did not come to an end. */
export function afterFailure(removal: Removal, now: number): Removal {
  const failures = removal.failures + 1;
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
  return { ...removal, dueAt: now + pause, failures };
}
