import type { Deps } from "../../../deps.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import type {
  AbsenceCondition,
  Alert,
  AlertMetric,
  Condition,
  EventCondition,
  KnownRule,
  MetricCondition,
  StoredRule,
} from "../alert-record.ts";
import { rulesOf, typesOf, windowMs } from "../built-in-rules.ts";
import {
  observeAbsence,
  observeEvents,
  observeMetric,
  type Observation,
  type WindowEvent,
} from "../condition-rules.ts";
import { executionFigures, listWatched, type TenantFigures } from "../figures-store.ts";
import { lastEventTimes, listWindowEvents, type WindowRequest } from "../store.ts";
import { readWatch } from "../watch-store.ts";
import { applyObservations, type AlertDeps, type Quiet } from "./tell.ts";

/** Tenants whose events are read together. */
const TENANTS_PER_QUERY = 50;

type Of<C extends Condition> = KnownRule & { readonly condition: C };

const isEvent = (rule: KnownRule): rule is Of<EventCondition> => rule.enabled && rule.condition.kind === "event";
const isMetric = (rule: KnownRule): rule is Of<MetricCondition> => rule.enabled && rule.condition.kind === "metric";
const isAbsence = (rule: KnownRule): rule is Of<AbsenceCondition> => rule.enabled && rule.condition.kind === "absence";

/** Holds the tenant's rules on events against its log. Called after something may have been recorded. */
export async function evaluateEvents(deps: AlertDeps, tenantId: string): Promise<void> {
  const now = deps.clock.now();
  const { settings, stored, open, silences } = await readWatch(deps.db, tenantId, now);
  const rules = rulesOf(settings, stored).filter(isEvent);
  if (rules.length === 0) return;
  const found = await listWindowEvents(deps.db, [requestFor(tenantId, rules, open, now)]);
  await applyEvents(deps, { id: tenantId, rules, open, quiet: { settings, silences } }, found.get(tenantId) ?? []);
}

async function applyEvents(
  deps: AlertDeps,
  { id, rules, open, quiet }: Pick<Tenant, "id" | "rules" | "open" | "quiet">,
  events: readonly WindowEvent[],
): Promise<void> {
  const now = deps.clock.now();
  for (const rule of rules.filter(isEvent)) {
    const own = open.filter(({ ruleId }) => ruleId === rule.id);
    await applyObservations(deps, id, rule, observeEvents(rule, events, own, now), own, quiet);
  }
}

function requestFor(
  tenantId: string,
  rules: readonly Of<EventCondition>[],
  open: readonly Alert[],
  now: number,
): WindowRequest {
  const types = [...new Set(rules.flatMap(({ condition }) => typesOf(condition)))];
  return { tenantId, types, since: sinceWhen(rules, open, now) };
}

/** As far back as a window reaches, or an alert that only another event ends. */
function sinceWhen(rules: readonly Of<EventCondition>[], open: readonly Alert[], now: number): number {
  const lasting = new Set(rules.filter(({ condition }) => condition.endedBy?.length).map(({ id }) => id));
  return Math.min(
    ...rules.map(({ condition }) => now - windowMs(condition)),
    ...open.filter(({ ruleId }) => lasting.has(ruleId)).map(({ startedAt }) => startedAt),
  );
}

/**
 * What only time brings about: figures of executions, events that do not come, and alerts that end or are repeated. The
 * job of each minute.
 */
export async function evaluateAll(deps: AlertDeps & Pick<Deps, "db">): Promise<void> {
  const { db } = deps;
  const now = deps.clock.now();
  const { settings, stored, open, silences } = await readWatch(db, undefined, now);
  const storedBy = Map.groupBy(stored, ({ tenantId }) => tenantId);
  const openBy = Map.groupBy(open, ({ tenantId }) => tenantId);
  const standard = rulesOf(settings, []);
  const metrics = [...standard, ...stored.map((rule) => ({ ...rule, builtIn: false }))].filter(isMetric);
  const figures = await figuresByWindow(deps, metrics, now);
  const [watched, lastTimes] = await Promise.all([listWatched(db, [...storedBy.keys()]), lastTimesOf(deps, stored)]);
  const active = [...figures.values()].flatMap((byTenant) => [...byTenant.keys()]);
  const tenants = [...new Set([...storedBy.keys(), ...openBy.keys(), ...active])].map((tenantId): Tenant => ({
    id: tenantId,
    rules: rulesOf(settings, storedBy.get(tenantId) ?? []),
    open: openBy.get(tenantId) ?? [],
    quiet: { settings, silences: silences.filter((silence) => silence.tenantId === tenantId) },
    watched: watched.get(tenantId),
    figures: (minutes) => figures.get(minutes)?.get(tenantId) ?? [],
    lastTime: (rule) => lastTimes(tenantId, rule),
  }));
  for (const tenant of tenants) await unlessBroken(tenant, evaluateTimed(deps, tenant, now));
  await evaluateOpen(deps, tenants, now);
}

/** Alerts of rules on events, which end or are repeated although nothing happens: one query for many tenants. */
async function evaluateOpen(deps: AlertDeps, tenants: readonly Tenant[], now: number): Promise<void> {
  const waiting = tenants.filter(({ rules, open }) =>
    rules.some((rule) => isEvent(rule) && open.some(({ ruleId }) => ruleId === rule.id)),
  );
  for (let start = 0; start < waiting.length; start += TENANTS_PER_QUERY) {
    const group = waiting.slice(start, start + TENANTS_PER_QUERY);
    const requests = group.map(({ id, rules, open }) => requestFor(id, rules.filter(isEvent), open, now));
    const found = await listWindowEvents(deps.db, requests);
    for (const tenant of group) await unlessBroken(tenant, applyEvents(deps, tenant, found.get(tenant.id) ?? []));
  }
}

/** One tenant's failure stops no other. */
function unlessBroken({ id: tenantId }: Tenant, work: Promise<void>): Promise<void> {
  return work.catch((error: unknown) => logError("alerts.not-evaluated", { tenantId, error: errorText(error) }));
}

/** What was read of a tenant, for all tenants together. */
interface Tenant {
  readonly id: string;
  readonly rules: readonly KnownRule[];
  readonly open: readonly Alert[];
  readonly quiet: Quiet;
  /** Plugins that it runs; undefined where only those that did something are looked at. */
  readonly watched: readonly string[] | undefined;
  figures(windowMinutes: number): readonly TenantFigures[];
  lastTime(rule: Of<AbsenceCondition>): number;
}

async function evaluateTimed(deps: AlertDeps, tenant: Tenant, now: number): Promise<void> {
  for (const rule of tenant.rules) {
    const own = tenant.open.filter(({ ruleId }) => ruleId === rule.id);
    const seen = observeTimed(rule, tenant, own, now);
    if (seen) await applyObservations(deps, tenant.id, rule, seen, own, tenant.quiet);
  }
}

/** @returns undefined where the rule is on events, or disabled */
function observeTimed(rule: KnownRule, tenant: Tenant, own: readonly Alert[], now: number): Observation[] | undefined {
  if (isAbsence(rule)) return [observeAbsence(rule, tenant.lastTime(rule), now)];
  if (!isMetric(rule)) return undefined;
  const rows = tenant.figures(rule.condition.windowMinutes);
  const plugins = tenant.watched ?? rows.flatMap(({ pluginId }) => (pluginId ? [pluginId] : []));
  return observeMetric(rule, rows, plugins, own);
}

/** One query for each window that rules have, by window and tenant. */
async function figuresByWindow(
  { db }: Pick<Deps, "db">,
  rules: readonly Of<MetricCondition>[],
  now: number,
): Promise<Map<number, Map<string, TenantFigures[]>>> {
  const byWindow = Map.groupBy(rules, ({ condition }) => condition.windowMinutes);
  const found = new Map<number, Map<string, TenantFigures[]>>();
  for (const [minutes, group] of byWindow) {
    const asks = (metric: AlertMetric): boolean => group.some(({ condition }) => condition.metric === metric);
    const also = { p95: asks("p95-latency"), findings: asks("open-findings") };
    const rows = await executionFigures(db, now - windowMs({ windowMinutes: minutes }), also);
    found.set(
      minutes,
      Map.groupBy(rows, ({ tenantId }) => tenantId),
    );
  }
  return found;
}

/** When the events that rules wait for came last; never before the rule was last changed. */
async function lastTimesOf(
  { db }: Pick<Deps, "db">,
  stored: readonly StoredRule[],
): Promise<(tenantId: string, rule: Of<AbsenceCondition>) => number> {
  const asked = stored.flatMap(({ tenantId, pluginId, condition }) =>
    condition.kind === "absence" ? condition.types.map((type) => ({ tenantId, type, pluginId })) : [],
  );
  const times = await lastEventTimes(db, asked);
  return (tenantId, { condition, pluginId, updatedAt }) =>
    Math.max(updatedAt ?? 0, ...condition.types.map((type) => times.get(`${tenantId} ${type} ${pluginId ?? ""}`) ?? 0));
}
