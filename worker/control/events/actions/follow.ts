import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { sealAuditLog, type SealDeps } from "../../audit-log/actions.ts";
import { catchUpWebhooks, dispatchWebhooks, type DispatchDeps } from "../../webhooks/actions/dispatch.ts";
import { evaluateEvents } from "../../alerts/actions/evaluate.ts";
import { listTenantsWithEventsSince } from "../store.ts";
import { feedStream, type StreamDeps } from "./stream.ts";

export type FollowDeps = StreamDeps & DispatchDeps & SealDeps;

/** How far back the cron job looks: twice its period. Milliseconds. */
const LOOK_BACK_MS = 120_000;
/** Tenants in one run of the cron job. */
const TENANTS_PER_RUN = 1_000;

/**
 * Brings those who follow a tenant's log up to date. Called after something may have been recorded; what one call misses
 * the next makes up for, so it never fails.
 */
export async function followEvents(deps: FollowDeps, tenantId: string): Promise<void> {
  // First, so that what is told of alerts goes along with what they are about.
  await noted("alerts.not-evaluated", tenantId, evaluateEvents(deps, tenantId));
  await noted("events.not-streamed", tenantId, feedStream(deps, tenantId, "listened"));
  await noted("events.not-dispatched", tenantId, dispatchWebhooks(deps, tenantId));
  await noted("audit-log.not-sealed", tenantId, sealAuditLog(deps, tenantId));
}

async function noted(event: string, tenantId: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    logError(event, { tenantId, error: errorText(error) });
  }
}

/** Makes up for what nobody came by to tell. */
export async function followRecentEvents(deps: FollowDeps): Promise<void> {
  const tenants = await listTenantsWithEventsSince(deps.db, deps.clock.now() - LOOK_BACK_MS, TENANTS_PER_RUN);
  for (const tenantId of tenants) await followEvents(deps, tenantId);
  await catchUpWebhooks(deps);
}
