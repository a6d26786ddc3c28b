import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { newEvent } from "../../events/rules.ts";
import { REASON_LENGTH, type HealingEvent } from "../healing-record.ts";
import { endHealing, LEASE_MS, listCutOff, type InstallScope } from "../store.ts";

export type EndDeps = Pick<Deps, "db" | "clock" | "newId">;

/** Remedies closed in one go; whoever comes next goes on. */
const CLOSED_AT_ONCE = 50;

/**
 * Closes the event of a remedy, and tells of it in the tenant's log. Its row of the audit log is the remedy's own, unless that
 * could not be seen to its end.
 *
 * @returns false where somebody else has closed it
 */
export async function recordEnd(deps: EndDeps, actor: Actor, ended: HealingEvent): Promise<boolean> {
  const { id: healingId, tenantId, pluginId, installId, remedy, cause, code, outcome, reason, endedAt } = ended;
  const now = endedAt ?? deps.clock.now();
  const { version } = ended.after ?? ended.before;
  const told = newEvent({
    id: deps.newId(),
    tenantId,
    pluginId,
    type: "healing.ended",
    data: { installId, version, healingId, remedy, cause, code: code ?? undefined, outcome, reason },
    subject: actor.subject,
    createdAt: now,
  });
  const audited = { remedy, cause, code, outcome, healingId };
  const change = { action: "install.heal", resourceId: pluginId, after: audited } as const;
  const audit = ended.verification ? [] : [auditRow(actor, change, deps.newId(), now)];
  return endHealing(deps.db, ended, told, audit);
}

/**
 * Closes remedies that run for longer than any may: whoever applied them died, or could not write down how they ended. What they
 * had done stays.
 *
 * @param scope  absent: of all installs
 * @returns what was closed
 */
export async function closeCutOff(deps: EndDeps, scope?: InstallScope): Promise<readonly HealingEvent[]> {
  const now = deps.clock.now();
  const closed: HealingEvent[] = [];
  for (const event of await listCutOff(deps.db, now, scope, CLOSED_AT_ONCE)) {
    const endedAt = Math.min(now, event.startedAt + LEASE_MS);
    const reason = `${event.reason} It was cut off; what it had done stays.`.slice(0, 2 * REASON_LENGTH);
    const ended: HealingEvent = { ...event, outcome: "failed", endedAt, reason };
    const actor = { tenantId: event.tenantId, subject: event.subject, roles: [] };
    try {
      if (await recordEnd(deps, actor, ended)) closed.push(ended);
    } catch (error) {
      logError("healing.not-closed", { healingId: event.id, error: errorText(error) }); // and the others are
    }
  }
  return closed;
}
