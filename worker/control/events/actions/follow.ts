import type { Deps } from "../../../deps.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { listTenantsWithEventsSince } from "../store.ts";
import { feedStream, type StreamDeps } from "./stream.ts";

export type FollowDeps = StreamDeps;

/** How far back the cron job looks: twice its period. Milliseconds. */
const LOOK_BACK_MS = 120_000;
/** Tenants in one run of the cron job. */
const TENANTS_PER_RUN = 1_000;

/**
 * Brings those who follow a tenant's log up to date. Called after something may have been recorded; what one call misses
 * the next makes up for, so it never fails.
 */
export async function followEvents(deps: FollowDeps, tenantId: string): Promise<void> {
  try {
    await feedStream(deps, tenantId, "listened");
  } catch (error) {
    logError("events.not-streamed", { tenantId, error: errorText(error) });
  }
}

/** Makes up for what nobody came by to tell. */
export async function followRecentEvents(deps: FollowDeps & Pick<Deps, "clock">): Promise<void> {
  const tenants = await listTenantsWithEventsSince(deps.db, deps.clock.now() - LOOK_BACK_MS, TENANTS_PER_RUN);
  for (const tenantId of tenants) await followEvents(deps, tenantId);
}
