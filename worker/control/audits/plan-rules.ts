import type { AuditChunk, AuditRun } from "./run-record.ts";

/** Installs that one message is about: few enough to be done within seconds, many enough to share what they read. */
export const CHUNK_INSTALLS = 25;

/** Parts of a run; the first looks at the tenant too, where the run is of all that it has. */
export function chunksOf(run: AuditRun, installs: readonly string[]): AuditChunk[] {
  const count = Math.max(1, Math.ceil(installs.length / CHUNK_INSTALLS));
  return Array.from({ length: count }, (_, number) => ({
    auditId: run.id,
    number,
    tenantId: run.tenantId,
    installs: installs.slice(number * CHUNK_INSTALLS, (number + 1) * CHUNK_INSTALLS),
    withTenant: number === 0 && run.scope !== "install",
    rungAt: run.startedAt,
    doneAt: null,
  }));
}

/** A run that is about to start. */
export function newRun(
  run: Pick<AuditRun, "id" | "tenantId" | "trigger" | "scope" | "pluginId" | "requestedBy" | "total" | "startedAt">,
): AuditRun {
  return { ...run, done: 0, failed: 0, critical: 0, high: 0, medium: 0, low: 0, info: 0, finishedAt: null };
}

/**
 * Since when a run of the cron makes another one early. The trigger comes each minute, a few seconds early or late.
 *
 * @param now  milliseconds since the epoch
 */
export function dueBefore(now: number, intervalMinutes: number): number {
  return now - intervalMinutes * 60_000 + 30_000;
}
