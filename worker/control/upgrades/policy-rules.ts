import { compareVersions, parseVersion, type Version } from "../../../sdk/contract/version.ts";
import { isInstallable, sortNewestFirst, type VersionHead } from "../plugins/rules.ts";
import type { UpdatePolicy } from "./upgrade-record.ts";

/**
 * Which versions a channel and a policy take. A version says its channel itself: `1.4.0` is in `stable`, `1.4.0-beta.2` in
 * `beta`, a prerelease that begins with a number in `next`. Every channel has the stable versions too.
 */

export const STABLE = "stable";
const UNNAMED = "next";

/** @param version  a semantic version */
export function channelOf(version: string): string {
  const [first] = parseVersion(version)?.prerelease ?? [];
  if (first === undefined) return STABLE;
  return /^\d+$/.test(first) ? UNNAMED : first.toLowerCase();
}

export function isInChannel(version: string, channel: string): boolean {
  const own = channelOf(version);
  return own === STABLE || own === channel;
}

/** The newest installable version of a channel. */
export function newestInChannel(versions: readonly VersionHead[], channel: string): VersionHead | undefined {
  return sortNewestFirst(versions).find((head) => isInstallable(head) && isInChannel(head.version, channel));
}

/**
 * The version that an install takes by itself; undefined where there is none.
 *
 * @param tried  versions that were refused, taken back or rolled back here: never taken by themselves again
 */
export function chooseUpdate(
  versions: readonly VersionHead[],
  current: string,
  { policy, channel, pinned }: UpdatePolicy,
  tried: ReadonlySet<string>,
): VersionHead | undefined {
  const from = parseVersion(current);
  if (!from || pinned || policy === "none") return undefined;
  return newestInChannel(
    versions.filter(({ version }) => {
      const to = parseVersion(version);
      return to && !tried.has(version) && compareVersions(to, from) > 0 && isWithin(from, to, policy);
    }),
    channel,
  );
}

/** Before 1.0.0 a minor version may change anything, so that there only patches are taken (semver.org §4). */
function isWithin(from: Version, to: Version, policy: "patch" | "minor"): boolean {
  if (from.major !== to.major) return false;
  return from.minor === to.minor || (policy === "minor" && from.major > 0);
}
