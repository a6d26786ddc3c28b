import { describeHealth } from "../../../../durable-objects/plugin-health/client.ts";
import type { Verdict } from "../../../../durable-objects/plugin-health/verdict-rules.ts";
import type { Deps } from "../../../deps.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { openFindings } from "../../audits/finding-store.ts";
import type { Install } from "../../installs/schema.ts";
import { getRunningUpgrade, listFailedVersions, listKeptVersions } from "../../upgrades/store.ts";
import { countCalls, type CallCounts } from "../facts-store.ts";
import type { InstallFacts } from "../healing-record.ts";
import { FAULT_WINDOW_MS, isSettled, TRIES_WINDOW_MS, type HealingFacts, type OpenBreaker } from "../rules.ts";
import { listTries } from "../store.ts";

/** What the healer knows of an install. */

export type FactsDeps = Pick<Deps, "db" | "clock"> & { readonly env: Pick<Env, "PLUGIN_HEALTH"> };

export interface KnownFacts {
  /** What the rules decide on. */
  readonly facts: HealingFacts;
  /** What of it is kept with a healing event. */
  readonly shown: InstallFacts;
}

export async function gatherFacts(deps: FactsDeps, install: Install): Promise<KnownFacts> {
  const now = deps.clock.now();
  const scope = scopeOf(install);
  const tries = await listTries(deps.db, scope, now - TRIES_WINDOW_MS);
  const settledAt = tries.find(isSettled)?.endedAt ?? 0;
  const [counts, findings, breakers] = await Promise.all([
    countCalls(deps.db, { ...scope, version: install.version }, Math.max(now - FAULT_WINDOW_MS, settledAt)),
    openFindings(deps.db, install.tenantId, install.id),
    breakersOf(deps, install),
  ]);
  const breaker = breakers?.get(install.version);
  const { upgradedAt, good } = await versionsBefore(deps, install, breakers);
  // What an audit has not seen again since a remedy helped may be gone.
  const seen = findings.filter(({ lastSeenAt }) => lastSeenAt > settledAt);
  return {
    facts: {
      safeMode: install.safeMode !== null,
      breaker: breaker && openBreaker(breaker),
      faults: counts.faults,
      findings: seen.map(({ rule, severity, remedy }) => ({ kind: rule, severity, remedy })),
      upgradedAt,
      canRollBack: good !== undefined,
      tries,
    },
    shown: show(install, counts, shownState(breakers, install), findings.length),
  };
}

/** The install after a remedy; calls count that began since then. */
export async function factsSince(deps: FactsDeps, install: Install, since: number): Promise<InstallFacts> {
  const [counts, findings, breakers] = await Promise.all([
    countCalls(deps.db, scopeOf(install), since),
    openFindings(deps.db, install.tenantId, install.id),
    breakersOf(deps, install),
  ]);
  return show(install, counts, shownState(breakers, install), findings.length);
}

export function scopeOf({ tenantId, pluginId, id }: Install) {
  return { tenantId, pluginId, installId: id };
}

export interface VersionsBefore {
  /** When the version that runs took over; undefined where it was the first. */
  readonly upgradedAt: number | undefined;
  /** The version left last that did not fail here and whose breaker is closed; none while an upgrade runs, which watches itself. */
  readonly good: string | undefined;
}

/** @param breakers  undefined where they are not known: then no version counts as good */
export async function versionsBefore(
  deps: FactsDeps,
  install: Install,
  breakers: Breakers | undefined,
): Promise<VersionsBefore> {
  const scope = scopeOf(install);
  const [kept, failed, running] = await Promise.all([
    listKeptVersions(deps.db, scope),
    listFailedVersions(deps.db, scope),
    getRunningUpgrade(deps.db, scope),
  ]);
  const good = kept.find(
    ({ version }) =>
      version !== install.version && !failed.has(version) && (breakers?.get(version)?.state ?? "closed") === "closed",
  );
  return { upgradedAt: kept[0]?.leftAt, good: breakers && !running ? good?.version : undefined };
}

type Breakers = ReadonlyMap<string, Verdict>;

/** What the breaker of each version says that has one; undefined where the health object does not answer. */
export async function breakersOf({ env }: FactsDeps, install: Install): Promise<Breakers | undefined> {
  try {
    const { versions } = await describeHealth(env.PLUGIN_HEALTH, install.id);
    return new Map(versions.map(({ version, verdict }) => [version, verdict]));
  } catch (error) {
    logError("healing.breaker-unknown", { installId: install.id, error: errorText(error) });
    return undefined;
  }
}

function shownState(breakers: Breakers | undefined, { version }: Install): string | null {
  return breakers ? (breakers.get(version)?.state ?? "closed") : null;
}

/** A breaker that a person ordered open, or closed, says nothing of the plugin. */
function openBreaker({ state, since, why, forced }: Verdict): OpenBreaker | undefined {
  if (state === "closed" || forced || !why) return undefined;
  const [most] = Object.entries(why.codes).toSorted(([, one], [, other]) => other - one);
  return most && { since, code: most[0] };
}

function show(
  { version, state, safeMode, generation }: Install,
  { calls, failed, faults }: CallCounts,
  breaker: string | null,
  openFindingCount: number,
): InstallFacts {
  const counted = Object.fromEntries(faults.map(({ code, count }) => [code, count]));
  const inSafeMode = safeMode !== null;
  return {
    version,
    state,
    safeMode: inSafeMode,
    generation,
    breaker,
    calls,
    failed,
    faults: counted,
    openFindings: openFindingCount,
  };
}
