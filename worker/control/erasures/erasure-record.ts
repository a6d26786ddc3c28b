/** What is kept of the erasure of a tenant. Pure. */

export const ERASURE_STATES = ["running", "settling", "completed"] as const;
export type ErasureState = (typeof ERASURE_STATES)[number];

/** In this order: what opens backups first, the rows that say where the rest is after it. */
export const ERASURE_STEPS = ["key", "installs", "objects", "backups", "packages", "rows", "scan"] as const;
export type ErasureStep = (typeof ERASURE_STEPS)[number];

export interface ErasureProgress {
  readonly step: ErasureStep;
  /** Where the step goes on; empty: at its beginning. */
  readonly after: string;
}

export interface ErasureCounts {
  readonly rows: number;
  /** Installs whose Durable Objects were emptied. */
  readonly installs: number;
  /** Objects in the store, packages and copies in backups included. */
  readonly objects: number;
  /** Backups of this tenant only, which were deleted as a whole. */
  readonly backups: number;
}

export const NOTHING_ERASED: ErasureCounts = { rows: 0, installs: 0, objects: 0, backups: 0 };

export interface Erasure {
  readonly tenantId: string;
  readonly status: ErasureState;
  readonly requestedBy: string;
  /** Times are milliseconds since the epoch. */
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly dueAt: number;
  readonly failures: number;
  readonly progress: ErasureProgress;
  readonly installs: readonly string[];
  readonly counts: ErasureCounts;
  readonly remaining: readonly string[];
  readonly updatedAt: number;
}
