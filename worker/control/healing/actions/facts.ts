import type { Deps } from "../../../deps.ts";
import type { Install } from "../../installs/schema.ts";
import { countCalls, type CallCounts } from "../facts-store.ts";
import type { InstallFacts } from "../healing-record.ts";
import { FAULT_WINDOW_MS, TRIES_WINDOW_MS, type HealingFacts, type OpenFinding } from "../rules.ts";
import { listTries } from "../store.ts";

/** What the healer knows of an install. */

export type FactsDeps = Pick<Deps, "db" | "clock"> & { readonly env: Pick<Env, "PLUGIN_HEALTH"> };

export interface KnownFacts {
  readonly facts: HealingFacts;
  readonly shown: InstallFacts;
}

/** Everything that the rules decide on, and what of it is shown. */
export async function gatherFacts(deps: FactsDeps, install: Install): Promise<KnownFacts> {
  const now = deps.clock.now();
  const scope = scopeOf(install);
  const tries = await listTries(deps.db, scope, now - TRIES_WINDOW_MS);
  const settled = tries.find(({ outcome }) => outcome === "helped" || outcome === "unproven");
  const since = Math.max(now - FAULT_WINDOW_MS, settled?.endedAt ?? 0);
  const [counts, findings] = await Promise.all([countCalls(deps.db, scope, since), listFindings()]);
  return {
    facts: {
      safeMode: install.safeMode !== null,
      breakerOpen: false,
      faults: counts.faults,
      findings,
      upgradedAt: undefined,
      canRollBack: false,
      tries,
    },
    shown: show(install, counts, null, findings.length),
  };
}

/** The install after a remedy; calls count that began since then. */
export async function factsSince(deps: FactsDeps, install: Install, since: number): Promise<InstallFacts> {
  const [counts, findings] = await Promise.all([countCalls(deps.db, scopeOf(install), since), listFindings()]);
  return show(install, counts, null, findings.length);
}

export function scopeOf({ tenantId, pluginId, id }: Install) {
  return { tenantId, pluginId, installId: id };
}

function show(
  { version, state, safeMode, generation }: Install,
  { calls, failed, faults }: CallCounts,
  breaker: string | null,
  openFindings: number,
): InstallFacts {
  const counted = Object.fromEntries(faults.map(({ code, count }) => [code, count]));
  return {
    version,
    state,
    safeMode: safeMode !== null,
    generation,
    breaker,
    calls,
    failed,
    faults: counted,
    openFindings,
  };
}

function listFindings(): Promise<readonly OpenFinding[]> {
  return Promise.resolve([]);
}
