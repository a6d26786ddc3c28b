import type { EventData } from "../events/rules.ts";
import type {
  AbsenceCondition,
  Alert,
  AlertMetric,
  AlertRule,
  EventCondition,
  Evidence,
  MetricCondition,
} from "./alert-record.ts";
import { ALERT_METRICS } from "./alert-record.ts";
import { atLeast, windowMs } from "./built-in-rules.ts";

/** Events that evidence names. */
const EVIDENCE_EVENTS = 5;

export interface WindowEvent {
  readonly id: string;
  readonly sequence: number;
  readonly type: string;
  /** Null where it concerns no plugin. */
  readonly pluginId: string | null;
  readonly data: EventData;
  readonly createdAt: number;
}

/** Whether a rule's condition holds for one of the things it watches. */
export interface Observation {
  /** Plugin; empty: the tenant. */
  readonly scope: string;
  readonly holds: boolean;
  readonly evidence: Evidence;
}

type Of<C> = AlertRule & { readonly condition: C };

const scopeOf = ({ per, pluginId }: AlertRule, plugin: string | null): string =>
  per === "tenant" ? (pluginId ?? "") : (plugin ?? "");

function matches({ condition, pluginId }: Of<EventCondition>, event: WindowEvent): boolean {
  const { types, minimumSeverity, filter = {} } = condition;
  return (
    (pluginId === null || event.pluginId === pluginId) &&
    (types.length === 0 || types.includes(event.type)) &&
    atLeast(event.type, minimumSeverity) &&
    Object.entries(filter).every(([field, value]) => Object.hasOwn(event.data, field) && event.data[field] === value)
  );
}

/**
 * @param events  of the tenant, oldest first: at least those of the window, and since an open alert began
 * @param open    the rule's open alerts
 */
export function observeEvents(
  rule: Of<EventCondition>,
  events: readonly WindowEvent[],
  open: readonly Pick<Alert, "scope" | "startedAt">[],
  now: number,
): Observation[] {
  const { condition } = rule;
  const since = now - windowMs(condition);
  const openAt = new Map(open.map(({ scope, startedAt }) => [scope, startedAt]));
  const ends = events.filter(
    ({ type, pluginId }) => condition.endedBy?.includes(type) && (rule.pluginId === null || pluginId === rule.pluginId),
  );
  const byScope = Map.groupBy(
    events.filter((event) => matches(rule, event)),
    (event) => scopeOf(rule, event.pluginId),
  );
  const scopes = new Set([...byScope.keys(), ...openAt.keys()]);
  return [...scopes].map((scope) => {
    const end = ends.findLast(({ pluginId }) => scope === "" || scopeOf(rule, pluginId) === scope);
    const counted = (byScope.get(scope) ?? []).filter(
      ({ sequence, createdAt }) => createdAt > since && sequence > (end?.sequence ?? 0),
    );
    const began = openAt.get(scope);
    const lasts = (condition.endedBy?.length ?? 0) > 0 && began !== undefined && !(end && end.createdAt >= began);
    const value = counted.length;
    const asked = `${condition.count} or more within ${condition.windowMinutes} min`;
    return {
      scope,
      holds: lasts || value >= condition.count,
      evidence: {
        value,
        threshold: condition.count,
        windowMinutes: condition.windowMinutes,
        summary: `${value} ${value === 1 ? "event" : "events"} (${namesOf(rule)}); alert at ${asked}.`,
        eventIds: counted.slice(-EVIDENCE_EVENTS).map(({ id }) => id),
      },
    };
  });
}

function namesOf({ condition: { types, minimumSeverity } }: Of<EventCondition>): string {
  return types.length > 0 ? types.join(", ") : `severity ${String(minimumSeverity)} or more`;
}

/** @param lastAt  when such an event was last recorded, or since when the rule waits for one */
export function observeAbsence(rule: Of<AbsenceCondition>, lastAt: number, now: number): Observation {
  const { types, windowMinutes } = rule.condition;
  const value = Math.floor((now - lastAt) / windowMs({ windowMinutes: 1 }));
  return {
    scope: rule.pluginId ?? "",
    holds: now - lastAt > windowMs(rule.condition),
    evidence: {
      value,
      threshold: windowMinutes,
      windowMinutes,
      summary: `No event (${types.join(", ")}) for ${value} min; alert after ${windowMinutes} min.`,
    },
  };
}

/** What is known of the executions of one plugin, or of a tenant, in a window. */
export interface ExecutionFigures {
  readonly pluginId: string;
  readonly executions: number;
  readonly failed: number;
  readonly fuel: number;
  readonly memoryPeak: number;
  readonly hostCalls: number;
  readonly openFindings: number;
  /** Milliseconds; undefined where nobody asked. */
  readonly p95: number | undefined;
}

/** What a plugin that did nothing has. */
export const NOTHING: Omit<ExecutionFigures, "pluginId"> = {
  executions: 0,
  failed: 0,
  fuel: 0,
  memoryPeak: 0,
  hostCalls: 0,
  openFindings: 0,
  p95: 0,
};

const VALUES: Readonly<Record<AlertMetric, (figures: Omit<ExecutionFigures, "pluginId">) => number>> = {
  "error-rate": ({ executions, failed }) => (executions === 0 ? 0 : Math.round((failed / executions) * 1_000) / 10),
  failed: ({ failed }) => failed,
  executions: ({ executions }) => executions,
  "p95-latency": ({ p95 = 0 }) => p95,
  fuel: ({ fuel }) => fuel,
  "memory-peak": ({ memoryPeak }) => memoryPeak,
  "host-calls": ({ hostCalls }) => hostCalls,
  "open-findings": ({ openFindings }) => openFindings,
};

/**
 * @param figures  of the tenant: by plugin, and one with an empty plugin for all of them
 * @param watched  plugins that the tenant runs, which may have done nothing
 * @param open     the rule's open alerts
 */
export function observeMetric(
  rule: Of<MetricCondition>,
  figures: readonly ExecutionFigures[],
  watched: readonly string[],
  open: readonly Pick<Alert, "scope">[],
): Observation[] {
  const { condition, per, pluginId } = rule;
  const { metric, comparison, threshold, windowMinutes, minimumCalls } = condition;
  const byPlugin = new Map(figures.map((row) => [row.pluginId, row]));
  const all = per === "tenant" ? [pluginId ?? ""] : pluginId === null ? watched : [pluginId];
  const scopes = new Set([...all, ...open.map(({ scope }) => scope)]);
  return [...scopes].map((scope) => {
    const found = byPlugin.get(scope) ?? NOTHING;
    const value = VALUES[metric](found);
    const reaches = comparison === "above" ? value >= threshold : value < threshold;
    const { title, unit } = ALERT_METRICS[metric];
    const shown = `${title}: ${value}${unit} within ${windowMinutes} min (${found.executions} executions)`;
    return {
      scope,
      holds: all.includes(scope) && reaches && (metric === "open-findings" || found.executions >= minimumCalls),
      evidence: {
        value,
        threshold,
        windowMinutes,
        summary: `${shown}; alert ${comparison === "above" ? "from" : "below"} ${threshold}${unit}.`,
        executions: found.executions,
      },
    };
  });
}
