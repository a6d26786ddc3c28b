import type { Actor } from "../../../lib/actor.ts";
import { requireInstall, type InstallDeps } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import { dayOf, DAY_MS, quotaUses, reportOn, type UsageSum } from "../report-rules.ts";
import { showGrants, type GrantReportAnswer, type UsageAnswer } from "../report-schema.ts";
import { asksOf, effectiveGrants, entriesOf } from "../rules.ts";
import { showGrant } from "../schema.ts";
import { listGrants } from "../store.ts";
import { listDailyUsage, sumDetails, sumUsage } from "../usage-store.ts";
import { requireManifest } from "./change.ts";

interface Period {
  /** Milliseconds since the epoch: midnight UTC of the first day, and now. */
  readonly from: number;
  readonly to: number;
  readonly days: number;
}

/**
 * What is granted to an install, held against what it used.
 *
 * @param days  days of the period, today included
 * @throws {PlatformError} INSTALL_NOT_FOUND
 */
export async function reportGrants(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  days: number,
): Promise<GrantReportAnswer> {
  const install = await requireInstall(deps, actor, pluginId);
  const period = lastDays(deps.clock.now(), days);
  const { asks, granted, sums } = await readUse(deps, install, period);
  const { capabilities, suggestion } = reportOn(asks, granted, sums);
  return {
    pluginId,
    version: install.version,
    period,
    capabilities: capabilities.map(({ scopes, missed, granted: grant, ...report }) => ({
      ...report,
      granted: grant ? showGrant(grant) : null,
      scopes: [...scopes],
      missed: [...missed],
    })),
    suggestion: suggestion ? { grants: showGrants(suggestion) } : null,
  };
}

/**
 * What an install used of its capabilities, against its quotas.
 *
 * @param days  days of the period, today included
 * @throws {PlatformError} INSTALL_NOT_FOUND
 */
export async function readUsage(deps: InstallDeps, actor: Actor, pluginId: string, days: number): Promise<UsageAnswer> {
  const install = await requireInstall(deps, actor, pluginId);
  const period = lastDays(deps.clock.now(), days);
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [{ granted, sums }, details, daily] = await Promise.all([
    readUse(deps, install, period),
    sumDetails(deps.db, scope, dayOf(period.from)),
    listDailyUsage(deps.db, scope, dayOf(period.from)),
  ]);
  const totals = sums.filter((sum) => sum.scope === "");
  const names = new Set([...entriesOf(granted).map(([name]) => name), ...totals.map((sum) => sum.capability)]);
  return {
    pluginId,
    period,
    capabilities: [...names].map((capability) => {
      const grant = granted[capability];
      const total = totals.find((sum) => sum.capability === capability);
      const own = details.filter((detail) => detail.capability === capability);
      const peaks = own.filter(({ kind }) => kind === "peak").map(({ name, most }) => [name, most] as const);
      const refusals = own.filter(({ kind }) => kind === "refusal").map(({ name, sum }) => [name, sum] as const);
      const quotas = grant ? quotaUses(capability, grant, total, new Map(peaks)) : [];
      return {
        capability,
        granted: grant !== undefined,
        ...amountsOf(total),
        refusals: Object.fromEntries(refusals),
        quotas: quotas.map(({ peak, ...quota }) => ({ ...quota, peak: peak ?? null })),
        daily: daily
          .filter((row) => row.capability === capability)
          .map(({ capability: _own, day, ...amounts }) => ({ day: day * DAY_MS, ...amounts })),
      };
    }),
  };
}

async function readUse(deps: InstallDeps, install: Install, period: Period) {
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [manifest, records, sums] = await Promise.all([
    requireManifest(deps, install),
    listGrants(deps.db, scope),
    sumUsage(deps.db, scope, dayOf(period.from)),
  ]);
  const asks = asksOf(manifest);
  return { asks, granted: effectiveGrants(asks, records), sums };
}

function amountsOf(total: UsageSum | undefined) {
  const {
    executions = 0,
    calls = 0,
    refused = 0,
    bytes = 0,
    peakCalls = 0,
    peakBytes = 0,
    lastUsedAt = null,
  } = total ?? {};
  return { executions, calls, refused, bytes, peakCalls, peakBytes, lastUsedAt };
}

function lastDays(now: number, days: number): Period {
  return { from: (dayOf(now) - days + 1) * DAY_MS, to: now, days };
}
