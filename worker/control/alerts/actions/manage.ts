import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { EventDataOf, EventType } from "../../../../sdk/contract/events.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { auditRow, type AuditedChange } from "../../audit-log/rules.ts";
import { newEvent } from "../../events/rules.ts";
import { readSettings } from "../../settings/store.ts";
import { listWebhooks } from "../../webhooks/store.ts";
import type { Alert, Channel, KnownRule, Silence, StoredRule } from "../alert-record.ts";
import { rulesOf } from "../built-in-rules.ts";
import { RULES, SILENCES } from "../limit-rules.ts";
import { listEmails } from "../email-store.ts";
import {
  deleteRule,
  endSilence,
  getSilence,
  insertSilence,
  selectSilences,
  selectStoredRules,
  putRule,
  type Trace,
} from "../rule-store.ts";
import { describeRule, type RuleInput, type SilenceInput } from "../schema.ts";
import { acknowledge, getAlert } from "../store.ts";

export type ManageDeps = Pick<Deps, "db" | "clock" | "newId" | "email">;

/** Longest silence. Milliseconds. */
const SILENCE_MS = 90 * 24 * 3_600_000;

/** Built-in rules first. */
export async function listRules(deps: Pick<Deps, "db">, { tenantId }: Actor): Promise<KnownRule[]> {
  const [settings, stored] = await Promise.all([readSettings(deps.db), selectStoredRules(deps.db, tenantId)]);
  return rulesOf(settings, stored);
}

/** @throws {PlatformError} ALERT_RULE_NOT_FOUND */
export async function readRule(deps: Pick<Deps, "db">, actor: Actor, id: string): Promise<KnownRule> {
  const rule = (await listRules(deps, actor)).find((known) => known.id === id);
  if (!rule) throw new PlatformError("ALERT_RULE_NOT_FOUND", `There is no rule "${id}".`);
  return rule;
}

/** @throws {PlatformError} QUOTA_EXCEEDED; REQUEST_INVALID, EMAIL_NOT_CONFIGURED where a channel is none */
export async function createRule(deps: ManageDeps, actor: Actor, input: RuleInput): Promise<KnownRule> {
  return writeRule(deps, actor, deps.newId(), input, undefined);
}

/**
 * Replaces a rule; of a built-in one the change is the tenant's own.
 *
 * @throws {PlatformError} ALERT_RULE_NOT_FOUND, QUOTA_EXCEEDED; REQUEST_INVALID, EMAIL_NOT_CONFIGURED where a channel is none
 */
export async function replaceRule(deps: ManageDeps, actor: Actor, id: string, input: RuleInput): Promise<KnownRule> {
  return writeRule(deps, actor, id, input, await readRule(deps, actor, id));
}

async function writeRule(
  deps: ManageDeps,
  actor: Actor,
  id: string,
  input: RuleInput,
  before: KnownRule | undefined,
): Promise<KnownRule> {
  await requireChannels(deps, actor, input.channels);
  const now = deps.clock.now();
  const times = { createdBy: before?.createdBy ?? actor.subject, createdAt: before?.createdAt ?? now, updatedAt: now };
  const rule: StoredRule = { ...input, id, tenantId: actor.tenantId, ...times };
  const after: KnownRule = { ...rule, builtIn: before?.builtIn ?? false };
  const change = before ? "updated" : "created";
  const states = { ...(before ? { before: describeRule(before) } : {}), after: describeRule(after) };
  const trace = traceOf(
    deps,
    actor,
    "alert.rule-changed",
    { ruleId: id, rule: input.name, change },
    {
      action: before ? "alert-rule.update" : "alert-rule.create",
      resourceId: id,
      ...states,
    },
  );
  if (await putRule(deps.db, rule, RULES, trace)) return after;
  throw quotaExceeded("rules of alerts", RULES);
}

/**
 * Deletes a rule; a built-in one is as it came again.
 *
 * @throws {PlatformError} ALERT_RULE_NOT_FOUND; STATE_CONFLICT where it is built in and as it came
 */
export async function removeRule(deps: ManageDeps, actor: Actor, id: string): Promise<void> {
  const rule = await readRule(deps, actor, id);
  const { tenantId } = actor;
  const trace = traceOf(
    deps,
    actor,
    "alert.rule-changed",
    { ruleId: id, rule: rule.name, change: "deleted" },
    {
      action: "alert-rule.delete",
      resourceId: id,
      before: describeRule(rule),
    },
  );
  if (await deleteRule(deps.db, { tenantId, id }, deps.clock.now(), trace)) return;
  throw new PlatformError("STATE_CONFLICT", `The rule "${id}" is built in and unchanged; it can be disabled.`);
}

/** Each channel must be there, and be able to take something: a rule that tells nobody is found out too late. */
async function requireChannels(deps: ManageDeps, { tenantId }: Actor, channels: readonly Channel[]): Promise<void> {
  if (channels.length === 0) return;
  const [webhooks, emails] = await Promise.all([listWebhooks(deps.db, tenantId), listEmails(deps.db, tenantId)]);
  if (channels.some(({ kind }) => kind === "email") && !deps.email) throw notConfigured();
  const issues = channels.flatMap(({ kind, id }, index) => {
    const path = `/channels/${index}/id`;
    if (kind === "webhook") return webhooks.some((hook) => hook.id === id) ? [] : [{ path, message: "is no webhook" }];
    const email = emails.find((known) => known.id === id);
    if (!email) return [{ path, message: "is no address for alerts" }];
    return email.confirmedAt === null ? [{ path, message: "is an address that is not confirmed" }] : [];
  });
  if (issues.length > 0) throw new PlatformError("REQUEST_INVALID", "A channel of the rule is none.", { issues });
}

/** @throws {PlatformError} ALERT_NOT_FOUND */
export async function readAlert(deps: Pick<Deps, "db">, { tenantId }: Actor, id: string): Promise<Alert> {
  const alert = await getAlert(deps.db, tenantId, id);
  if (alert) return alert;
  throw new PlatformError("ALERT_NOT_FOUND", `There is no alert "${id}".`);
}

/**
 * Somebody looks after the alert: nobody is reminded of it any more.
 *
 * @throws {PlatformError} ALERT_NOT_FOUND; STATE_CONFLICT where it is over, or somebody does already
 */
export async function acknowledgeAlert(deps: ManageDeps, actor: Actor, id: string, note?: string): Promise<Alert> {
  const alert = await readAlert(deps, actor, id);
  const { ruleId, ruleName: rule } = alert;
  const set = { acknowledgedBy: actor.subject, acknowledgedAt: deps.clock.now(), note: note ?? null };
  const trace = traceOf(
    deps,
    actor,
    "alert.acknowledged",
    { alertId: id, ruleId, rule },
    {
      action: "alert.acknowledge",
      resourceId: id,
      after: { ruleId, rule, state: alert.state, note: set.note },
    },
  );
  const { event, audit } = trace;
  const placed = { ...event, pluginId: alert.scope || null };
  if (await acknowledge(deps.db, alert, set, placed, audit)) return readAlert(deps, actor, id);
  const why = alert.state === "resolved" ? "is resolved" : "was acknowledged already";
  throw new PlatformError("STATE_CONFLICT", `The alert ${why}.`);
}

export async function currentSilences(deps: Pick<Deps, "db" | "clock">, { tenantId }: Actor): Promise<Silence[]> {
  return selectSilences(deps.db, tenantId, deps.clock.now());
}

/** @throws {PlatformError} REQUEST_INVALID, QUOTA_EXCEEDED; ALERT_RULE_NOT_FOUND */
export async function createSilence(deps: ManageDeps, actor: Actor, input: SilenceInput): Promise<Silence> {
  const now = deps.clock.now();
  const { rule, pluginId, severity, from = now, until, reason } = input;
  if (rule !== undefined) await readRule(deps, actor, rule);
  const issues = [
    ...((rule ?? pluginId ?? severity) ? [] : [{ path: "/rule", message: "name rule, pluginId or severity" }]),
    ...(until > Math.max(from, now) ? [] : [{ path: "/until", message: "must be after from, and to come" }]),
    ...(until - from > SILENCE_MS ? [{ path: "/until", message: "must be at most 90 days after from" }] : []),
  ];
  if (issues.length > 0) throw new PlatformError("REQUEST_INVALID", "The silence is not valid.", { issues });
  const what = { ruleId: rule ?? null, pluginId: pluginId ?? null, severity: severity ?? null };
  const id = deps.newId();
  const by = { createdBy: actor.subject, createdAt: now };
  const silence: Silence = { id, tenantId: actor.tenantId, ...what, from, until, reason, ...by };
  const trace = traceOf(
    deps,
    actor,
    "alert.silence-changed",
    { silenceId: id, change: "created", until },
    {
      action: "alert-silence.create",
      resourceId: id,
      after: { ...what, from, until, reason },
    },
  );
  if (await insertSilence(deps.db, silence, SILENCES, trace)) return silence;
  throw quotaExceeded("silences that are not over", SILENCES);
}

/** Ends a silence before its time. @throws {PlatformError} SILENCE_NOT_FOUND, also where it is over */
export async function removeSilence(deps: ManageDeps, actor: Actor, id: string): Promise<void> {
  const now = deps.clock.now();
  const silence = await getSilence(deps.db, actor.tenantId, id, now);
  if (silence) {
    const { from, until, ruleId, pluginId, severity, reason } = silence;
    const trace = traceOf(
      deps,
      actor,
      "alert.silence-changed",
      { silenceId: id, change: "ended", until: now },
      {
        action: "alert-silence.delete",
        resourceId: id,
        before: { ruleId, pluginId, severity, from, until, reason },
      },
    );
    if (await endSilence(deps.db, silence, now, trace)) return;
  }
  throw new PlatformError("SILENCE_NOT_FOUND", `There is no silence "${id}" that is not over.`);
}

/** What a change leaves in the logs. */
export function traceOf<Type extends EventType>(
  deps: Pick<Deps, "newId" | "clock">,
  actor: Actor,
  type: Type,
  data: EventDataOf<Type>,
  audited: AuditedChange,
): Trace {
  const now = deps.clock.now();
  const { tenantId, subject } = actor;
  const event = newEvent({ id: deps.newId(), tenantId, pluginId: null, subject, createdAt: now, type, data });
  return { event, audit: auditRow(actor, audited, deps.newId(), now) };
}

export function quotaExceeded(what: string, allowed: number): PlatformError {
  return new PlatformError("QUOTA_EXCEEDED", `The tenant has ${allowed} ${what}, which is as many as it may have.`, {
    limit: { name: what, used: allowed, allowed },
  });
}

export function notConfigured(): PlatformError {
  return new PlatformError(
    "EMAIL_NOT_CONFIGURED",
    "The platform has no e-mail provider: EMAIL_FROM with EMAIL_ENDPOINT and EMAIL_TOKEN, or a send_email binding.",
  );
}
