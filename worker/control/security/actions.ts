import { EVENT_TYPES, EVENTS } from "../../../sdk/contract/events.ts";
import type { ExecutionContext } from "../../../sdk/contract/sandbox.ts";
import type { Deps } from "../../deps.ts";
import type { Finding, SecurityRecord } from "../../execution/capabilities/services.ts";
import { listAudit } from "../audit-log/store.ts";
import { newEvent } from "../events/rules.ts";
import { listEvents } from "../events/store.ts";
import { recordFinding } from "./store.ts";

const SECURITY_TYPES = EVENT_TYPES.filter((type) => EVENTS[type].audience === "security");

/** What a plugin may know of what is written about it: of changes who made them and when, not what they were. Newest first. */
export async function readSecurityLog(
  { db }: Pick<Deps, "db">,
  { tenantId, pluginId }: Pick<ExecutionContext, "tenantId" | "pluginId">,
  log: "security" | "audit",
  page: { readonly before: number | undefined; readonly limit: number },
): Promise<SecurityRecord[]> {
  if (log === "audit") {
    const rows = await listAudit(db, tenantId, { resource: "install", resourceId: pluginId }, page);
    return rows.map(({ sequence, action, subject, at }) => ({ sequence, type: action, subject, at }));
  }
  const { before, limit } = page;
  const filter = { pluginId, type: SECURITY_TYPES, before };
  const events = await listEvents(db, tenantId, filter, { limit, order: "newest" });
  return events.map(({ sequence, type, data, subject, createdAt: at }) => ({ sequence, type, data, subject, at }));
}

/** @returns the event's id; undefined where the plugin has raised as many as it may in an hour */
export async function raiseFinding(
  deps: Pick<Deps, "db" | "clock" | "newId">,
  call: ExecutionContext,
  finding: Finding,
  most: number,
): Promise<string | undefined> {
  const { tenantId, pluginId, installId, version, executionId, subject } = call;
  const id = deps.newId();
  const data = { installId, version, executionId, ...finding };
  const createdAt = deps.clock.now();
  const event = newEvent({ id, tenantId, pluginId, type: "security.finding", data, subject, createdAt });
  return (await recordFinding(deps.db, event, most)) ? id : undefined;
}
