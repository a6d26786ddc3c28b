import { isSameJson, type JsonObject } from "../../../sdk/contract/config/json-values.ts";
import { PlatformError, type Issue } from "../../../sdk/contract/errors.ts";
import type { Grants } from "../../../sdk/contract/grants.ts";
import { MODULE_LIMITS, type LimitName, type Limits } from "../../../sdk/contract/limits.ts";
import type { PlanSpec } from "../../../sdk/contract/plans.ts";
import { isSameGrant, type GrantRecord } from "../grants/rules.ts";
import type { VersionHead } from "../plugins/rules.ts";
import { effectiveLimits } from "../snapshot-rules.ts";
import type { Install, InstallChange, InstallInput, UpdateInput } from "./schema.ts";

/** What a request asks for, held against what is installed and what version and plan give. */

/**
 * @param config   what is configured for all environments, secrets included
 * @param granted  grants in force
 * @throws {PlatformError} STATE_CONFLICT where the request asks for something else than what is installed
 */
export function requireSame(
  known: Install,
  asked: Pick<
    InstallInput,
    "version" | "config" | "limits" | "reuse" | "persistVariables" | "hooks" | "fallback" | "validate" | "grants"
  >,
  config: JsonObject,
  granted: readonly Pick<GrantRecord, "capability" | "granted">[] = [],
): void {
  const differences = [
    ...(asked.version === undefined || asked.version === known.version ? [] : ["version"]),
    ...(asked.config === undefined || isSameJson(asked.config, config) ? [] : ["config"]),
    ...(asked.limits === undefined || isSameJson(asked.limits, known.limits) ? [] : ["limits"]),
    ...(asked.grants === undefined || isGranted(granted, asked.grants) ? [] : ["grants"]),
    ...(asked.reuse === undefined || asked.reuse === known.reuse ? [] : ["reuse"]),
    ...(asked.persistVariables === undefined || asked.persistVariables === known.persistVariables
      ? []
      : ["persistVariables"]),
    ...(["hooks", "fallback", "validate"] as const).filter((name) => isOther(asked[name], known[name])),
  ];
  if (differences.length === 0) return;
  throw new PlatformError(
    "STATE_CONFLICT",
    `Plugin "${known.pluginId}" is installed in version ${known.version}, and the request differs in ${differences.join(", ")}; change an install with PUT /${known.pluginId}.`,
    { members: { state: known.state, version: known.version, differences } },
  );
}

/** What an update would set but for the configuration; nothing where the install is like that already. */
export function changesOf(known: Install, asked: UpdateInput, version: Pick<VersionHead, "id">): InstallChange {
  return {
    ...(version.id === known.versionId ? {} : { versionId: version.id }),
    ...(asked.limits === undefined || isSameJson(asked.limits, known.limits) ? {} : { limits: asked.limits }),
    ...(asked.reuse === undefined || asked.reuse === known.reuse ? {} : { reuse: asked.reuse }),
    ...(asked.persistVariables === undefined || asked.persistVariables === known.persistVariables
      ? {}
      : { persistVariables: asked.persistVariables }),
    ...(asked.hooks !== undefined && isOther(asked.hooks, known.hooks) ? { hooks: asked.hooks } : {}),
    ...(asked.fallback !== undefined && isOther(asked.fallback, known.fallback) ? { fallback: asked.fallback } : {}),
    ...(asked.validate !== undefined && isOther(asked.validate, known.validate) ? { validate: asked.validate } : {}),
  };
}

/** True where something is asked for, and is not what there is. */
function isOther(asked: unknown, known: unknown): boolean {
  return asked !== undefined && !isSameJson(asked, known);
}

/** @throws {PlatformError} REQUEST_INVALID naming each limit that is wider than version and plan give */
export function requireNarrower(
  version: Pick<VersionHead, "limits">,
  asked: Partial<Limits> | undefined,
  plan: PlanSpec,
): void {
  const given = effectiveLimits(version.limits, {}, plan.ceilings);
  const issues = Object.entries(asked ?? {}).flatMap(([name, value]): Issue[] => {
    const limit = name as LimitName; // the body's schema knows no other names
    const allowed = given[limit];
    if (MODULE_LIMITS.has(limit) && value !== allowed) {
      return [{ path: `/limits/${name}`, message: `is built into the module at upload as ${allowed}; found ${value}` }];
    }
    if (value <= allowed) return [];
    return [
      { path: `/limits/${name}`, message: `must be at most ${allowed}, what version and plan give; found ${value}` },
    ];
  });
  if (issues.length === 0) return;
  throw new PlatformError("REQUEST_INVALID", "Limits of an install can only be narrower than the version's.", {
    issues,
  });
}

/** @throws {PlatformError} QUOTA_EXCEEDED where the plan allows no further install */
export function requireRoom(plan: PlanSpec, installs: number): void {
  if (installs < plan.installs) return;
  throw new PlatformError(
    "QUOTA_EXCEEDED",
    `The plan ${plan.title} allows ${plan.installs} installs, and the tenant has ${installs}; uninstall one first.`,
    { limit: { name: "installs", used: installs, allowed: plan.installs } },
  );
}

export function installNotFound(pluginId: string): PlatformError {
  return new PlatformError("INSTALL_NOT_FOUND", `Plugin "${pluginId}" is not installed.`);
}

function isGranted(granted: readonly Pick<GrantRecord, "capability" | "granted">[], asked: Grants): boolean {
  return (
    granted.length === Object.keys(asked).length &&
    granted.every((record) => {
      const grant = asked[record.capability];
      return grant !== undefined && isSameGrant(grant, record.granted);
    })
  );
}
