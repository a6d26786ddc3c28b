import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Limits } from "../../../sdk/contract/limits.ts";
import type { ScanVerdict } from "../../../sdk/contract/package-report.ts";
import { compareVersions, parseVersion } from "../../../sdk/contract/version.ts";

/** What choosing a version needs to know of one. */
export interface VersionHead {
  readonly id: string;
  /** Owner of the package. */
  readonly tenantId: string;
  readonly pluginId: string;
  readonly version: string;
  readonly state: "validated" | "quarantined";
  readonly verdict: ScanVerdict["verdict"];
  readonly limits: Partial<Limits>;
  readonly createdAt: number;
  /** Why its owner has withdrawn it; null: it is not. */
  readonly yankReason: string | null;
}

/** Newest first, by the precedence of Semantic Versioning 2.0.0 §11. */
export function sortNewestFirst(versions: readonly VersionHead[]): VersionHead[] {
  return versions.toSorted((a, b) => {
    const [left, right] = [parseVersion(a.version), parseVersion(b.version)];
    return left && right ? compareVersions(right, left) : b.createdAt - a.createdAt;
  });
}

export function isInstallable(version: VersionHead): boolean {
  return version.state === "validated" && version.verdict !== "refused" && version.yankReason === null;
}

/**
 * The version that somebody gets who names none: the newest installable one that is no prerelease; a prerelease only
 * where there is nothing else.
 */
export function newestInstallable(versions: readonly VersionHead[]): VersionHead | undefined {
  const candidates = sortNewestFirst(versions.filter(isInstallable));
  return candidates.find((head) => parseVersion(head.version)?.prerelease.length === 0) ?? candidates[0];
}

/**
 * The versions of a plugin as one tenant sees them: its own package comes before a built-in of the same id.
 *
 * @param versions  of one plugin, of the tenant and of the platform
 */
export function ownFirst(versions: readonly VersionHead[], tenantId: string): readonly VersionHead[] {
  const own = versions.filter((version) => version.tenantId === tenantId);
  return own.length > 0 ? own : versions;
}

/**
 * The version to install.
 *
 * @param versions  all versions of the plugin that the tenant may see
 * @param wanted    absent: the newest installable
 * @throws {PlatformError} PLUGIN_NOT_FOUND, VERSION_NOT_FOUND, SCAN_REFUSED, STATE_CONFLICT
 */
export function chooseVersion(
  versions: readonly VersionHead[],
  pluginId: string,
  wanted: string | undefined,
): VersionHead {
  if (versions.length === 0) throw pluginNotFound(pluginId);
  const chosen = wanted === undefined ? newestInstallable(versions) : versions.find((head) => head.version === wanted);
  if (!chosen && wanted === undefined) {
    throw new PlatformError(
      "STATE_CONFLICT",
      `No version of "${pluginId}" can be installed: each was quarantined, withdrawn or refused by the scan.`,
    );
  }
  if (!chosen) throw new PlatformError("VERSION_NOT_FOUND", `Plugin "${pluginId}" has no version ${wanted}.`);
  if (chosen.verdict === "refused") {
    throw new PlatformError("SCAN_REFUSED", `Version ${chosen.version} of "${pluginId}" was refused by the scan.`);
  }
  if (chosen.state === "quarantined") {
    throw new PlatformError(
      "STATE_CONFLICT",
      `Version ${chosen.version} of "${pluginId}" is quarantined and cannot be installed.`,
    );
  }
  if (chosen.yankReason !== null) {
    throw new PlatformError(
      "STATE_CONFLICT",
      `Version ${chosen.version} of "${pluginId}" was withdrawn by its owner: ${chosen.yankReason}`,
    );
  }
  return chosen;
}

/** The same for plugins that do not exist and for those of other tenants. */
export function pluginNotFound(pluginId: string): PlatformError {
  return new PlatformError("PLUGIN_NOT_FOUND", `There is no plugin "${pluginId}".`);
}
