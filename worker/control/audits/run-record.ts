import type { FindingSeverity } from "./finding-record.ts";

/** A run of the audit over installs of one tenant. */
export interface AuditRun extends Readonly<Record<FindingSeverity, number>> {
  readonly id: string;
  readonly tenantId: string;
  readonly trigger: "cron" | "manual";
  readonly scope: "install" | "active-only" | "all";
  /** Empty where it is of more than one install. */
  readonly pluginId: string;
  readonly requestedBy: string;
  /** Installs to look at; of them those looked at, and of those the ones that could not be audited. */
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly finishedAt: number | null;
}

/** A part of a run: the work of one message. */
export interface AuditChunk {
  readonly auditId: string;
  readonly number: number;
  readonly tenantId: string;
  readonly installs: readonly string[];
  /** Whether what the tenant owns beside its installs is audited with it. */
  readonly withTenant: boolean;
  readonly rungAt: number;
  readonly doneAt: number | null;
}

/** The message of a chunk: which row to work on. */
export interface AuditBell {
  readonly tenantId: string;
  readonly auditId: string;
  readonly number: number;
}
