import { ApiError, type ApiClient } from "../account/api-client.ts";
import type { Manifest } from "../contract/manifest.ts";

export interface InstallRequest {
  readonly pluginId: string;
  readonly version: string;
  /** What the version asks for; granted as it asks. Undefined: installed without grants. */
  readonly grants: Readonly<Record<string, object>> | undefined;
  /** `skipped`: recorded calls may come out otherwise in the version; needs the permission `plugins:grant`. */
  readonly gate?: "skipped";
}

export type InstallOutcome = "installed" | "updated" | "unchanged";

interface KnownPlugin {
  readonly install: { readonly version: string; readonly state: string } | null;
}

/** Grants of all that a manifest asks for, as it asks. */
export function grantsAsked({ permissions }: Pick<Manifest, "permissions">): Record<string, object> {
  return Object.fromEntries(permissions.map(({ capability }) => [capability, {}]));
}

/**
 * Makes a tenant run a version. What the version asks for beyond the installed one needs grants, and is then consented to.
 *
 * @throws {ApiError} CONSENT_REQUIRED where it asks for more and `grants` is undefined; what installing and updating are refused for
 */
export async function installVersion(
  api: ApiClient,
  { pluginId, version, grants, ...how }: InstallRequest,
): Promise<InstallOutcome> {
  const route = `/api/plugins/${pluginId}`;
  const { install } = await api.json<KnownPlugin>("GET", route);
  if (!install || install.state === "uninstalled") {
    await api.request("POST", "/api/plugins/install", { pluginId, version, ...(grants ? { grants } : {}) });
    return "installed";
  }
  if (install.version === version) return "unchanged";
  await updateInstall(api, { pluginId, version, grants, ...how });
  return "updated";
}

/** Moves an install to another version. @throws {ApiError} as {@link installVersion} does; INSTALL_NOT_FOUND, UPGRADE_REFUSED */
export async function updateInstall(
  api: ApiClient,
  { pluginId, version, grants, ...how }: InstallRequest,
): Promise<void> {
  const route = `/api/plugins/${pluginId}`;
  try {
    await api.request("PUT", route, { version, ...how });
  } catch (error) {
    if (!grants || !(error instanceof ApiError) || error.problem.code !== "CONSENT_REQUIRED") throw error;
    await api.request("POST", `${route}/permissions/consent`, { version, grants, ...how });
  }
}
