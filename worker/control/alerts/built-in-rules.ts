import { EVENT_TYPES, EVENTS, type EventType, type Severity } from "../../../sdk/contract/events.ts";
import type { Settings } from "../../../sdk/contract/settings.ts";
import { SEVERITIES, type AlertRule, type EventCondition, type KnownRule, type StoredRule } from "./alert-record.ts";

/** Events that an alert can be about: what alerts themselves tell could only make alerts of alerts. */
export const ALERTABLE_TYPES: readonly EventType[] = EVENT_TYPES.filter((type) => !type.startsWith("alert."));

const MINUTE_MS = 60_000;
const shared = { pluginId: null, channels: [], forMinutes: 0, holdMinutes: 5, repeatMinutes: 240, enabled: true };

type BuiltIn = Omit<AlertRule, "id">;

const events = (
  name: string,
  severity: Severity,
  condition: Omit<EventCondition, "kind">,
  per: AlertRule["per"] = "plugin",
): BuiltIn => ({ ...shared, name, per, severity, condition: { kind: "event", ...condition } });

function errorRate({ errorRatePercent, minimumCalls }: Settings["alerts"]): BuiltIn {
  const asked = { comparison: "above", threshold: errorRatePercent, windowMinutes: 15, minimumCalls } as const;
  const condition = { kind: "metric", metric: "error-rate", ...asked } as const;
  return { ...shared, name: "Error rate", per: "plugin", severity: "error", condition };
}

/** What every tenant is told of until it changes or disables it. Types that this version does not know are left out. */
function builtInTable({ alerts, audit }: Settings): Readonly<Record<string, BuiltIn>> {
  return {
    "breaker-opened": events("Circuit breaker opened", "error", {
      types: ["breaker.opened"],
      count: 1,
      windowMinutes: 60,
      endedBy: ["breaker.closed", "plugin.uninstalled"],
    }),
    "install-quarantined": events("Install quarantined", "error", {
      types: ["plugin.quarantined"],
      count: 1,
      windowMinutes: 60,
      endedBy: ["plugin.released", "plugin.uninstalled"],
    }),
    "security-burst": events("Security violations in a burst", "error", {
      types: ["security.violated"],
      count: 5,
      windowMinutes: 10,
    }),
    "critical-findings": events("Critical findings", "error", {
      types: ["security.finding", "finding.opened"],
      filter: { severity: "critical" },
      count: audit.criticalThreshold,
      windowMinutes: 60,
    }),
    "audit-emergency": events("Emergency found by an audit", "error", {
      types: ["audit.emergency"],
      count: 1,
      windowMinutes: 60,
    }),
    "dead-letters": events("Messages given up", "warning", {
      types: ["message.dead-lettered", "webhook.failed", "plugin-webhook.failed"],
      count: 1,
      windowMinutes: 15,
    }),
    "backup-failed": events(
      "Backup failed",
      "error",
      { types: ["backup.failed", "backup.corrupted"], count: 1, windowMinutes: 60, endedBy: ["backup.verified"] },
      "tenant",
    ),
    "error-rate": errorRate(alerts),
  };
}

const KNOWN_TYPES: ReadonlySet<string> = new Set(ALERTABLE_TYPES);

/** The rules that the platform brings, by the settings in force. Those whose events this version never tells are not there. */
export function builtInRules(settings: Settings): AlertRule[] {
  return Object.entries(builtInTable(settings)).flatMap(([id, rule]): AlertRule[] => {
    const { condition } = rule;
    if (condition.kind !== "event") return [{ ...rule, id }];
    const types = knownTypes(condition.types);
    if (types.length === 0) return [];
    return [{ ...rule, id, condition: { ...condition, types, endedBy: knownTypes(condition.endedBy) } }];
  });
}

function knownTypes(types: readonly string[] = []): string[] {
  return types.filter((type) => KNOWN_TYPES.has(type));
}

/** The rules of a tenant: the built-in ones as it changed them, then its own. */
export function rulesOf(settings: Settings, stored: readonly StoredRule[]): KnownRule[] {
  const byId = new Map(stored.map((rule) => [rule.id, rule]));
  const builtIn = builtInRules(settings).map((rule): KnownRule => {
    const changed = byId.get(rule.id);
    byId.delete(rule.id);
    return { ...(changed ?? { ...rule, createdBy: null, createdAt: null, updatedAt: null }), builtIn: true };
  });
  const own = [...byId.values()].filter(({ id }) => !isBuiltInId(id));
  return [...builtIn, ...own.map((rule) => ({ ...rule, builtIn: false }))];
}

/** Ids of built-in rules are words, of others ULIDs, which are in capitals. */
export function isBuiltInId(id: string): boolean {
  return /^[a-z-]+$/.test(id);
}

/** True where somebody is to be told of a built-in alert, as the setting `audit.notificationLevel` says. */
export function tellsOf({ audit }: Settings, severity: Severity): boolean {
  const least = { none: SEVERITIES.length, errors: 3, warnings: 2, all: 0 }[audit.notificationLevel];
  return SEVERITIES.indexOf(severity) >= least;
}

/** Types that an event condition looks at, those that end it included. */
export function typesOf({ types, minimumSeverity, endedBy = [] }: EventCondition): string[] {
  const counted = types.length > 0 ? types : ALERTABLE_TYPES.filter((type) => atLeast(type, minimumSeverity));
  return [...counted, ...endedBy];
}

/** @param minimum  undefined: any */
export function atLeast(type: string, minimum: Severity | undefined): boolean {
  if (minimum === undefined) return true;
  const spec = Object.hasOwn(EVENTS, type) ? EVENTS[type as EventType] : undefined; // a name of the catalogue, as just asked
  return spec !== undefined && SEVERITIES.indexOf(spec.severity) >= SEVERITIES.indexOf(minimum);
}

export function windowMs({ windowMinutes }: { readonly windowMinutes: number }): number {
  return windowMinutes * MINUTE_MS;
}
