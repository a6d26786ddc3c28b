import type { EventValue, Severity } from "../../../sdk/contract/events.ts";

export const SEVERITIES = ["info", "notice", "warning", "error"] as const satisfies readonly Severity[];

/** Figures that rules may ask about, of the executions of a window but for the last. */
export const ALERT_METRICS = {
  "error-rate": { title: "executions that failed", unit: "%" },
  failed: { title: "executions that failed", unit: "" },
  executions: { title: "executions", unit: "" },
  "p95-latency": { title: "95th percentile of the duration", unit: "ms" },
  fuel: { title: "fuel of all executions", unit: "" },
  "memory-peak": { title: "largest memory of one execution", unit: "bytes" },
  "host-calls": { title: "host calls of all executions", unit: "" },
  /** As they are now, whatever the window. */
  "open-findings": { title: "open findings of audits", unit: "" },
} as const satisfies Record<string, { readonly title: string; readonly unit: string }>;

export type AlertMetric = keyof typeof ALERT_METRICS;
export const ALERT_METRIC_NAMES = Object.keys(ALERT_METRICS) as AlertMetric[]; // Object.keys loses the key type

export const COMPARISONS = ["above", "below"] as const;

/** At least `count` such events within the window. */
export interface EventCondition {
  readonly kind: "event";
  /** Empty: every type of at least the severity. */
  readonly types: readonly string[];
  readonly minimumSeverity?: Severity | undefined;
  /** Fields of the event's data and the values that they must have. */
  readonly filter?: Readonly<Record<string, EventValue>> | undefined;
  readonly count: number;
  readonly windowMinutes: number;
  /** Events that end it at once. Where there are any, an alert lasts until one of them, not until the window has passed. */
  readonly endedBy?: readonly string[] | undefined;
}

/** None of these events within the window. */
export interface AbsenceCondition {
  readonly kind: "absence";
  readonly types: readonly string[];
  readonly windowMinutes: number;
}

/** A figure of the window's executions is above (at least) or below a threshold. */
export interface MetricCondition {
  readonly kind: "metric";
  readonly metric: AlertMetric;
  readonly comparison: (typeof COMPARISONS)[number];
  readonly threshold: number;
  readonly windowMinutes: number;
  /** With fewer calls in the window the figure says nothing. */
  readonly minimumCalls: number;
}

export type Condition = EventCondition | AbsenceCondition | MetricCondition;

export interface Channel {
  readonly kind: "webhook" | "email";
  readonly id: string;
}

export interface AlertRule {
  readonly id: string;
  readonly name: string;
  readonly condition: Condition;
  /** Null: all plugins. */
  readonly pluginId: string | null;
  /** Whether each plugin has an alert of its own, or the tenant one. */
  readonly per: "plugin" | "tenant";
  readonly severity: Severity;
  readonly channels: Channel[];
  readonly forMinutes: number;
  readonly holdMinutes: number;
  readonly repeatMinutes: number;
  readonly enabled: boolean;
}

/** A rule with where it is from. */
export interface KnownRule extends AlertRule {
  /** True where the platform brings it; the tenant may have changed it. */
  readonly builtIn: boolean;
  /** Null where the tenant never changed it. */
  readonly createdBy: string | null;
  readonly createdAt: number | null;
  readonly updatedAt: number | null;
}

/** A rule as a tenant wrote it. */
export interface StoredRule extends AlertRule {
  readonly tenantId: string;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What was found when an alert last changed. */
export interface Evidence {
  readonly value: number;
  readonly threshold: number;
  readonly windowMinutes: number;
  readonly summary: string;
  /** The newest of the events that were counted. */
  readonly eventIds?: readonly string[];
  /** Executions that the figure is made of. */
  readonly executions?: number;
}

export const ALERT_STATES = ["pending", "firing", "resolved"] as const;
export type AlertState = (typeof ALERT_STATES)[number];

export interface Alert {
  readonly id: string;
  readonly tenantId: string;
  readonly ruleId: string;
  readonly ruleName: string;
  /** Plugin; empty where it is about the whole tenant. */
  readonly scope: string;
  readonly severity: Severity;
  readonly state: AlertState;
  readonly evidence: Evidence;
  readonly startedAt: number;
  /** Null where the condition never held long enough. */
  readonly firedAt: number | null;
  readonly clearedAt: number | null;
  readonly resolvedAt: number | null;
  readonly notifications: number;
  readonly lastNotifiedAt: number | null;
  readonly silenceId: string | null;
  readonly acknowledgedBy: string | null;
  readonly acknowledgedAt: number | null;
  readonly note: string | null;
  readonly revision: number;
}

export interface Silence {
  readonly id: string;
  readonly tenantId: string;
  readonly ruleId: string | null;
  readonly pluginId: string | null;
  readonly severity: Severity | null;
  readonly from: number;
  readonly until: number;
  readonly reason: string;
  readonly createdBy: string;
  readonly createdAt: number;
}

export interface AlertEmail {
  readonly id: string;
  readonly tenantId: string;
  readonly address: string;
  readonly linkHash: string | null;
  readonly linkExpiresAt: number | null;
  readonly confirmedAt: number | null;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}
