import type { ErrorCode } from "../../../sdk/contract/errors.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";
import { auditRow, type NewAuditRow } from "../audit-log/rules.ts";

/** Executions in which a plugin reached for what it may not use, whether or not it went on after the refusal. */

const REFUSALS: ReadonlySet<string | null> = new Set<ErrorCode>(["GRANT_MISSING", "CAPABILITY_QUOTA_EXCEEDED"]);

export interface Refusal {
  /** How the execution ended, where a refusal ended it. */
  readonly code?: string;
  /** Names of the capabilities, joined by commas. */
  readonly capabilities: string;
  /** Calls of capabilities that were refused. */
  readonly refused: number;
  /** With which errors, joined by commas; of calls that the plugin went on after too. Absent: no call was refused. */
  readonly codes?: string;
}

/** @returns undefined where nothing was refused */
export function refusalIn({ errorCode, capabilities = [] }: ExecutionRecord): Refusal | undefined {
  const refused = capabilities.filter((use) => use.refused > 0);
  const isEnding = REFUSALS.has(errorCode);
  if (refused.length === 0 && !isEnding) return undefined;
  const codes = [...new Set(refused.flatMap(({ refusals = {} }) => Object.keys(refusals)))].sort().join(",");
  return {
    ...(isEnding && errorCode !== null ? { code: errorCode } : {}),
    capabilities: refused.map(({ capability }) => capability).join(","),
    refused: refused.reduce((sum, use) => sum + use.refused, 0),
    ...(codes ? { codes } : {}),
  };
}

/**
 * One row of the audit log for each execution with a refusal.
 *
 * @param now  milliseconds since the epoch
 */
export function auditRowsOfRefusals(
  records: readonly ExecutionRecord[],
  newId: () => string,
  now: number,
): NewAuditRow[] {
  return records.flatMap((record) => {
    const refusal = refusalIn(record);
    if (!refusal) return [];
    const { tenantId, subject, traceId, pluginId, installId, version, functionName, id, startedAt } = record;
    const after = { executionId: id, installId, version, functionName, startedAt, ...refusal };
    const actor = { tenantId, subject, roles: [], traceId };
    return [auditRow(actor, { action: "capability.refused", resourceId: pluginId, after }, newId(), now)];
  });
}
