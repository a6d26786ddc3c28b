import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { SnapshotInstall } from "../../../execution/snapshot.ts";
import type { InstallDeps } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import { getManifest } from "../../plugins/store.ts";
import { gateReport } from "../gate-rules.ts";
import { listRecordedCalls } from "../store.ts";
import type { GateReport } from "../upgrade-record.ts";
import { replayCases, type ReplayCasesDeps } from "./replay-cases.ts";

export type GateDeps = InstallDeps & ReplayCasesDeps;

export interface GateOptions {
  /** Recorded calls at most. */
  readonly replays: number;
  readonly fuelBand: number;
}

/** Replays the last recorded calls of the installed version against a candidate: good ones first, then failures. */
export async function runGate(
  deps: GateDeps,
  install: Install,
  { incumbent, candidate }: { readonly incumbent: SnapshotInstall; readonly candidate: SnapshotInstall },
  { replays, fuelBand }: GateOptions,
): Promise<GateReport> {
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [good, failed, manifest] = await Promise.all([
    listRecordedCalls(deps.db, scope, install.version, "sample", replays),
    listRecordedCalls(deps.db, scope, install.version, "failure", replays),
    getManifest(deps.db, install.versionId),
  ]);
  const replayed = await replayCases(deps, {
    tenantId: install.tenantId,
    executionIds: [...good, ...failed].slice(0, replays),
    incumbent,
    candidate,
    comparators: manifest?.comparison ?? {},
    fuelBand,
  });
  const missingFunctions = incumbent.functions.filter((name) => !candidate.functions.includes(name));
  return gateReport({ ...replayed, fuelBand, missingFunctions });
}

/** Why a gate does not let a candidate pass; undefined where it does. */
export function whyRefused(gate: GateReport, hasCanary: boolean): string | undefined {
  const { outcome, missingFunctions, cases } = gate;
  if (outcome === "passed" || (outcome === "unproven" && hasCanary)) return undefined;
  if (outcome === "unproven") return "There is too little recorded to compare, and no canary was asked for.";
  const different = cases.filter(({ verdict }) => verdict === "different").length;
  return [
    ...(missingFunctions.length > 0 ? [`It lacks the functions ${missingFunctions.join(", ")}.`] : []),
    ...(different > 0 ? [`${different} of ${cases.length} recorded calls came out otherwise.`] : []),
  ].join(" ");
}

export function upgradeRefused(
  install: Pick<Install, "pluginId" | "version">,
  version: string,
  reason: string,
  upgradeId: string,
): PlatformError {
  return new PlatformError(
    "UPGRADE_REFUSED",
    `"${install.pluginId}" stays in version ${install.version}: ${version} did not pass. ${reason} GET /${install.pluginId}/upgrade shows each call.`,
    { members: { upgradeId, version, installedVersion: install.version } },
  );
}
