import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Actor } from "../../../lib/actor.ts";
import { requireInstall } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import { sortNewestFirst, type VersionHead } from "../../plugins/rules.ts";
import { getManifest, listVersionHeads } from "../../plugins/store.ts";
import { firstBad } from "../bisect-rules.ts";
import { DEFAULT_FUEL_BAND } from "../gate-rules.ts";
import { listRecordedCalls } from "../store.ts";
import type { CaseReport } from "../upgrade-record.ts";
import { readTargets, targetOf } from "./candidate.ts";
import type { GateDeps } from "./gate.ts";
import { replayCases } from "./replay-cases.ts";

export interface BisectInput {
  readonly good: string;
  readonly bad: string;
  readonly replays: number;
}

export interface Bisection {
  readonly culprit: string | null;
  readonly previous: string | null;
  readonly recordedCalls: number;
  readonly replays: number;
  readonly tried: readonly { readonly version: string; readonly bad: boolean; readonly different: number }[];
  readonly evidence: readonly CaseReport[];
}

/**
 * Names the first version that answers recorded calls otherwise than the version they were recorded with, by halving.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND, VERSION_NOT_FOUND; REQUEST_INVALID where `bad` is not later than `good`;
 *   RECORDING_NOT_FOUND where no call of `good` is recorded
 */
export async function bisect(deps: GateDeps, actor: Actor, pluginId: string, input: BisectInput): Promise<Bisection> {
  const install = await requireInstall(deps, actor, pluginId);
  const versions = await versionsBetween(deps, install, input);
  const scope = { tenantId: install.tenantId, installId: install.id };
  const executionIds = await listRecordedCalls(deps.db, scope, input.good, "sample", input.replays);
  if (executionIds.length === 0) {
    const detail = `No call of version ${input.good} of "${pluginId}" is recorded, so there is nothing to hold others against.`;
    throw new PlatformError("RECORDING_NOT_FOUND", detail);
  }
  const targets = await readTargets(
    deps,
    install,
    versions.map(({ id }) => id),
  );
  const manifest = await getManifest(deps.db, versions[0]?.id ?? "");
  const different: CaseReport[][] = [];
  const tried: { version: string; bad: boolean; different: number }[] = [];
  let replays = 0;
  const isBad = async (index: number): Promise<boolean> => {
    const { cases } = await replayCases(deps, {
      tenantId: install.tenantId,
      executionIds,
      incumbent: targetOf(targets, versions[0]?.id ?? ""),
      candidate: targetOf(targets, versions[index]?.id ?? ""),
      comparators: manifest?.comparison ?? {},
      fuelBand: DEFAULT_FUEL_BAND,
    });
    replays += cases.length;
    const found = cases.filter(({ verdict }) => verdict === "different");
    different[index] = found;
    tried.push({ version: versions[index]?.version ?? "", bad: found.length > 0, different: found.length });
    return found.length > 0;
  };
  const last = versions.length - 1;
  const culprit = (await isBad(last)) ? await firstBad(versions.length, isBad) : undefined;
  return {
    culprit: culprit === undefined ? null : (versions[culprit]?.version ?? null),
    previous: culprit === undefined ? null : (versions[culprit - 1]?.version ?? null),
    recordedCalls: executionIds.length,
    replays,
    tried,
    evidence: culprit === undefined ? [] : (different[culprit] ?? []),
  };
}

/** A version that was withdrawn may run here: it is often the culprit. */
function mayRun({ state, verdict }: VersionHead): boolean {
  return state === "validated" && verdict !== "refused";
}

/** Versions from the good to the bad one, oldest first; those that may not run are left out. */
async function versionsBetween(deps: GateDeps, install: Install, { good, bad }: BisectInput): Promise<VersionHead[]> {
  const heads = await listVersionHeads(deps.db, install.tenantId, [install.pluginId]);
  const offered = sortNewestFirst(heads.filter((head) => head.tenantId === install.ownerTenantId && mayRun(head)));
  const ordered = offered.reverse();
  const [from, to] = [good, bad].map((version) => ordered.findIndex((head) => head.version === version));
  for (const [index, version] of [[from, good] as const, [to, bad] as const]) {
    if (index !== undefined && index >= 0) continue;
    throw new PlatformError(
      "VERSION_NOT_FOUND",
      `Plugin "${install.pluginId}" has no version ${version} that may run.`,
    );
  }
  if (from !== undefined && to !== undefined && from < to) return ordered.slice(from, to + 1);
  throw new PlatformError("REQUEST_INVALID", "The bad version must be later than the good one.", {
    issues: [{ path: "/bad", message: `must be later than ${good}; found ${bad}` }],
  });
}
