import type { ErrorCode } from "../../sdk/contract/errors.ts";
import { chooseVariant, type VariantCall } from "./canary.ts";
import type { Snapshot, SnapshotInstall } from "./snapshot.ts";

/** What a call will run: an active install and one of its functions. */
export interface Target {
  readonly install: SnapshotInstall;
  readonly functionName: string;
}

export interface Refusal {
  readonly refused: ErrorCode;
  readonly detail: string;
}

export type Resolution = { readonly target: Target } | Refusal;

/**
 * Finds what a request means in the tenant's snapshot.
 *
 * @param pluginId      id from the path; looked up as an own key only
 * @param functionName  absent: the plugin's default function
 * @param call          what assigns the call to a version where an upgrade runs; absent: the installed version
 */
export function resolve(
  snapshot: Snapshot,
  pluginId: string,
  functionName: string | undefined,
  call?: VariantCall,
): Resolution {
  const installed = Object.hasOwn(snapshot.installs, pluginId) ? snapshot.installs[pluginId] : undefined;
  const install = installed && call ? chooseVariant(installed, functionName, call) : installed;
  if (!install) return { refused: "INSTALL_NOT_FOUND", detail: `Plugin "${pluginId}" is not installed.` };
  if (install.state !== "active") {
    return { refused: "PLUGIN_INACTIVE", detail: `Plugin "${pluginId}" is ${install.state}; activate it first.` };
  }
  const name = functionName ?? install.defaultFunction;
  if (name === undefined) {
    return {
      refused: "FUNCTION_NOT_FOUND",
      detail: `Plugin "${pluginId}" has no default function; name one of: ${install.functions.join(", ") || "none"}.`,
    };
  }
  if (!install.functions.includes(name)) {
    return {
      refused: "FUNCTION_NOT_FOUND",
      detail: `Plugin "${pluginId}" exports no function "${name}"; it exports: ${install.functions.join(", ") || "none"}.`,
    };
  }
  return { target: { install, functionName: name } };
}
