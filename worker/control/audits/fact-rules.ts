import { isSameJson } from "../../../sdk/contract/config/json-values.ts";
import { compareVersions, parseVersion } from "../../../sdk/contract/version.ts";
import type { Snapshot } from "../../execution/snapshot.ts";
import { concerns, type Advisory } from "../advisories/advisory-record.ts";
import { KNOWN_BAD_DIGESTS } from "../packages/scan-rules.ts";
import { newestInstallable, type VersionHead } from "../plugins/rules.ts";
import type { AdvisoryFact, DependencyFact, SnapshotFact, VersionFact } from "./facts-record.ts";

/** Facts that are made of what was read. */

/**
 * The install's entry of the stored snapshot against the one that the database gives.
 *
 * @param stored  undefined: there is none; null: it cannot be read
 * @param built   made from the database now
 */
export function snapshotFact(stored: Snapshot | null | undefined, built: Snapshot, pluginId: string): SnapshotFact {
  const { revision } = built;
  if (!stored) {
    const status = stored === null ? "unreadable" : "missing";
    return { status, revision, storedRevision: null, differing: [] };
  }
  const shared = { revision, storedRevision: stored.revision };
  if (stored.revision < revision) return { ...shared, status: "behind", differing: [] };
  const differing = differingMembers(stored.installs[pluginId], built.installs[pluginId]);
  return { ...shared, status: differing.length > 0 ? "differs" : "current", differing };
}

function differingMembers(stored: object | undefined, built: object | undefined): string[] {
  const [left, right] = [membersOf(stored), membersOf(built)];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].filter((name) => !isSameJson(left[name], right[name])).sort();
}

/** As JSON has it: members that are undefined are none. */
function membersOf(value: object | undefined): Record<string, unknown> {
  return value === undefined ? {} : (JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
}

function advisoryFacts(advisories: readonly Advisory[], pluginId: string, version: string): AdvisoryFact[] {
  return advisories
    .filter((advisory) => advisory.pluginId === pluginId && concerns(advisory, version))
    .map(({ id, range, severity }) => ({ advisoryId: id, range, severity }));
}

interface VersionSource {
  readonly pluginId: string;
  readonly ownerTenantId: string;
  readonly version: string;
  readonly yankedAt: number | null;
  readonly yankReason: string | null;
  /** Of the package and its modules as uploaded. */
  readonly digests: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
}

/**
 * @param heads      versions that the tenant may see, of any plugins
 * @param installed  what the tenant has installed of the plugins that it depends on
 */
export function versionFact(
  source: VersionSource,
  heads: readonly VersionHead[],
  advisories: readonly Advisory[],
  installed: readonly { readonly pluginId: string; readonly version: string; readonly yankedAt: number | null }[],
): VersionFact {
  const { pluginId, version, yankedAt, yankReason, digests } = source;
  const own = heads.filter((head) => head.pluginId === pluginId && head.tenantId === source.ownerTenantId);
  const newest = newestInstallable(own)?.version;
  const [left, right] = [parseVersion(newest ?? ""), parseVersion(version)];
  const dependencies = Object.entries(source.dependencies).map(([name, range]): DependencyFact => {
    const found = installed.find((one) => one.pluginId === name);
    return {
      pluginId: name,
      range,
      installed: found?.version ?? null,
      advisories: found ? advisoryFacts(advisories, name, found.version) : [],
      yanked: found !== undefined && found.yankedAt !== null,
    };
  });
  return {
    version,
    yanked: yankedAt === null ? null : { at: yankedAt, reason: yankReason ?? "" },
    advisories: advisoryFacts(advisories, pluginId, version),
    knownBad: digests.flatMap((digest) => {
      const what = KNOWN_BAD_DIGESTS[digest];
      return what === undefined ? [] : [{ digest, what }];
    }),
    newer: newest !== undefined && left && right && compareVersions(left, right) > 0 ? newest : null,
    dependencies,
  };
}
