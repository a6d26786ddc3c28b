import { PlatformError, type Issue } from "../../../sdk/contract/errors.ts";

/** The errors of configurations. None of them holds a value. */

/** @param issues  everything that is wrong, with pointers into the configuration */
export function configInvalid(
  { id, version }: { readonly id: string; readonly version: string },
  issues: readonly Issue[],
): PlatformError {
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return new PlatformError(
    "CONFIG_INVALID",
    `The configuration does not fit "${id}" ${version}: ${firstOf(issues)}${more}.`,
    { issues },
  );
}

/** @param installed  the version the install stays in */
export function configIncompatible(
  pluginId: string,
  installed: string,
  target: string,
  issues: readonly Issue[],
): PlatformError {
  return new PlatformError(
    "CONFIG_INCOMPATIBLE",
    `The configuration of "${pluginId}" does not fit version ${target}: ${firstOf(issues)}. Give one that does in the same request, or change it first.`,
    { issues, members: { version: installed } },
  );
}

function firstOf([first]: readonly Issue[]): string {
  return `${first?.path || "it"} ${first?.message ?? "is not valid"}`;
}

export function revisionNotFound(pluginId: string, revision: number): PlatformError {
  return new PlatformError(
    "CONFIG_REVISION_NOT_FOUND",
    `The configuration of "${pluginId}" has no revision ${revision}, or it is too old to be kept.`,
  );
}

export function templateNotFound(pluginId: string, name: string): PlatformError {
  return new PlatformError("CONFIG_TEMPLATE_NOT_FOUND", `There is no template "${name}" for "${pluginId}".`);
}
