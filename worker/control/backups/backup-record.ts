/** What is kept of backups and restores while they run and afterwards. Pure. */

export const BACKUP_TRIGGERS = [
  "scheduled",
  "manual",
  "migration",
  "restore",
  "uninstall",
  "upgrade",
  "emergency",
] as const;
export type BackupTrigger = (typeof BACKUP_TRIGGERS)[number];
/** `written`: whole, and not tried yet; `verified`: a trial restore of it was equal; `failed`: never whole, or damaged since. */
export const BACKUP_STATES = ["running", "written", "verified", "failed"] as const;
export type BackupState = (typeof BACKUP_STATES)[number];

export interface BackupCounts {
  readonly tenants: number;
  readonly installs: number;
  readonly rows: number;
  readonly chunks: number;
  /** Copies of packages and files that it needs, and how many of them are new. */
  readonly blobs: number;
  readonly newBlobs: number;
}

export const NO_COUNTS: BackupCounts = { tenants: 0, installs: 0, rows: 0, chunks: 0, blobs: 0, newBlobs: 0 };

/** Where a backup that is being written is. What is written next has number `counts.chunks`. */
export type WritingStep =
  | { readonly at: "tenant"; readonly after: string }
  /** A tenant whose state is set aside: pieces after this one are next. */
  | {
      readonly at: "rows";
      readonly tenantId: string;
      readonly after: number;
      readonly logs: Readonly<Record<string, number>>;
    }
  | {
      readonly at: "objects";
      readonly tenantId: string;
      readonly after: string;
      readonly logs: Readonly<Record<string, number>>;
    }
  | {
      readonly at: "log";
      readonly tenantId: string;
      readonly table: string;
      readonly after: number;
      readonly logs: Readonly<Record<string, number>>;
    }
  | { readonly at: "history"; readonly table: string; readonly after: number }
  | { readonly at: "blobs"; readonly prefix: string; readonly after: string }
  | { readonly at: "manifest" };

export type BackupProgress =
  | {
      readonly phase: "write";
      readonly step: WritingStep;
      /** Last row of each table of the history when the backup began. */
      readonly last: Readonly<Record<string, number>>;
    }
  /** Chunks that were loaded into the trial, then copies that were proved. */
  | {
      readonly phase: "verify";
      readonly chunk: number;
      /** Tenants whose parts could not be opened, each with the time of its erasure, and the rows of those parts. */
      readonly erased?: Readonly<Record<string, number>>;
      readonly erasedRows?: number;
    };

export interface RestoreCounts {
  readonly tenants: number;
  readonly installs: number;
  readonly rows: number;
  readonly blobs: number;
}

export const NOTHING_RESTORED: RestoreCounts = { tenants: 0, installs: 0, rows: 0, blobs: 0 };

export interface RestoreProgress {
  /** `safety`: the backup before it is being made; `blobs`, `parts`: chunks from here are next; `compile`: snapshots. */
  readonly phase: "safety" | "blobs" | "parts" | "compile";
  readonly chunk: number;
  /** Chunks from `chunk` on that are set aside, of a tenant too large to be restored at once. */
  readonly aside?: number;
  /** Last tenant whose snapshot was compiled. */
  readonly after: string;
}
