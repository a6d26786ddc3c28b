import { hash32 } from "./recording/capture-rules.ts";
import type { Snapshot, SnapshotInstall } from "./snapshot.ts";

/** Which of two versions runs a call while an upgrade proves itself. Pure: no store is asked, and nothing is drawn. */

/** All calls, in basis points. */
export const WHOLE_SHARE = 10_000;

/** What of a call decides which version runs it. */
export interface VariantCall {
  /** Idempotency key where there is one, else the id of the execution that the request began with. */
  readonly key: string;
  readonly subject: string;
  /** True where input and output pass piece by piece. */
  readonly streams: boolean;
}

/** The same answer wherever it is asked; what is assigned at one share stays assigned at every larger one. */
export function isAssigned(salt: string, share: number, key: string): boolean {
  return hash32(`${salt} ${key}`) % WHOLE_SHARE < share;
}

/**
 * The version that runs a call. The installed one does wherever the candidate could not, so that no call fails because an upgrade
 * runs.
 *
 * @param functionName  absent: the default function
 */
export function chooseVariant(
  install: SnapshotInstall,
  functionName: string | undefined,
  call: VariantCall,
): SnapshotInstall {
  const { canary } = install;
  if (!canary) return install;
  const { candidate, assignBy, salt, share } = canary;
  if (!isAssigned(salt, share, assignBy === "subject" ? call.subject : call.key)) return install;
  const name = functionName ?? candidate.defaultFunction;
  const canRun = name !== undefined && candidate.functions.includes(name) && (!call.streams || candidate.streams);
  return canRun ? candidate : install;
}

/** The snapshot with installed versions only, for when it cannot be known whether a canary still runs. */
export function withoutCanaries(snapshot: Snapshot): Snapshot {
  if (!snapshot.canaries) return snapshot;
  const installs = Object.entries(snapshot.installs).map(
    ([id, { canary: _gone, ...install }]) => [id, install] as const,
  );
  const { canaries: _none, ...rest } = snapshot;
  return { ...rest, installs: Object.fromEntries(installs) };
}
