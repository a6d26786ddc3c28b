import type { ExecutionRecord } from "../../execution/settle.ts";
import { refusalIn } from "./refusal-rules.ts";
import { newEvent, SYSTEM_SUBJECT, type NewEvent } from "../events/rules.ts";

/** Failures of one plugin told one by one from one batch of records; `execution.completed` counts them all. */
export const FAILURES_TOLD = 10;

/**
 * What the log says of execution records that were stored together. Calls are many, so they are told together: of each
 * plugin one event that they began and one that they ended, with counts; and of failures the first few by themselves; what a
 * breaker refused is only counted, since its own event says so. What a plugin was refused is told of each
 * execution.
 *
 * @param records  records of any tenants, none of them told before
 * @param now      milliseconds since the epoch
 */
export function eventsOfExecutions(
  records: readonly ExecutionRecord[],
  newId: () => string,
  now: number,
): readonly NewEvent[] {
  const byPlugin = Map.groupBy(records, ({ tenantId, pluginId }) => `${tenantId} ${pluginId}`);
  return [...byPlugin.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { tenantId, pluginId } = first;
    const subjects = new Set(group.map(({ subject }) => subject));
    const subject = subjects.size === 1 ? first.subject : SYSTEM_SUBJECT;
    const shared = (): Shared => ({ id: newId(), tenantId, pluginId, subject, createdAt: now });
    const failed = group.filter(({ status, errorCode }) => status === "failed" && errorCode !== "BREAKER_OPEN");
    return [
      newEvent({ ...shared(), type: "execution.started", data: summaryOf(group) }),
      newEvent({ ...shared(), type: "execution.completed", data: { ...summaryOf(group), ...endOf(group) } }),
      ...failed.slice(0, FAILURES_TOLD).map((record) => failureEvent(record, newId(), now)),
      ...group.flatMap((record) => violationEvents(record, newId, now)),
    ];
  });
}

type Shared = Pick<NewEvent, "id" | "tenantId" | "pluginId" | "subject" | "createdAt">;

function summaryOf(group: readonly ExecutionRecord[]) {
  const ordered = group.toSorted((left, right) => left.startedAt - right.startedAt);
  return {
    count: group.length,
    firstExecutionId: ordered[0]?.id ?? "",
    lastExecutionId: ordered.at(-1)?.id ?? "",
    firstStartedAt: ordered[0]?.startedAt ?? 0,
    lastStartedAt: ordered.at(-1)?.startedAt ?? 0,
  };
}

function endOf(group: readonly ExecutionRecord[]) {
  return {
    failed: group.filter(({ status }) => status === "failed").length,
    durationMs: group.reduce((sum, { durationMs }) => sum + durationMs, 0),
    slowestMs: Math.max(...group.map(({ durationMs }) => durationMs)),
    fuel: group.reduce((sum, { fuel }) => sum + fuel, 0),
  };
}

function failureEvent(record: ExecutionRecord, id: string, now: number): NewEvent {
  const code = record.errorCode ?? "INTERNAL"; // a failed record always has one
  const data = { ...placeOf(record), code, durationMs: record.durationMs };
  return newEvent({ ...causeOf(record, id, now), type: "execution.failed", data });
}

function violationEvents(record: ExecutionRecord, newId: () => string, now: number): NewEvent[] {
  const refusal = refusalIn(record);
  if (!refusal) return [];
  const data = { ...placeOf(record), ...refusal };
  return [newEvent({ ...causeOf(record, newId(), now), type: "security.violated", data })];
}

function causeOf({ tenantId, pluginId, subject }: ExecutionRecord, id: string, now: number): Shared {
  return { id, tenantId, pluginId, subject, createdAt: now };
}

function placeOf({ installId, version, id, functionName }: ExecutionRecord) {
  return { installId, version, executionId: id, functionName };
}
