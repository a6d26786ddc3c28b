import type { Issue } from "../../../sdk/contract/errors.ts";
import type { Fallback, HookOverrides } from "../../../sdk/contract/hooks.ts";

/** What may be declared to stand in for an install, at a hook or for its plain calls. Pure. */

/** An install as others may call it. */
export interface StandIn {
  readonly pluginId: string;
  readonly functions: readonly string[];
  readonly defaultFunction: string | undefined;
  readonly hooks: HookOverrides;
  readonly fallback: Fallback | null;
}

export interface Declared {
  readonly hooks?: HookOverrides | undefined;
  readonly fallback?: Fallback | null | undefined;
}

/**
 * @param hookNames  hooks that the version attaches to
 * @param others     the tenant's installs, itself included or not
 */
export function standInIssues(
  pluginId: string,
  { hooks = {}, fallback }: Declared,
  hookNames: readonly string[],
  others: readonly StandIn[],
): Issue[] {
  const byHook = Object.entries(hooks).flatMap(([name, override]): Issue[] => {
    const path = `/hooks/${name}`;
    if (!hookNames.includes(name)) {
      const known = hookNames.length > 0 ? hookNames.join(", ") : "none";
      return [{ path, message: `is not a hook that this version attaches to; there are: ${known}` }];
    }
    const declared = (other: StandIn) => (Object.hasOwn(other.hooks, name) ? other.hooks[name]?.fallback : undefined);
    return fallbackIssues(`${path}/fallback`, pluginId, override.fallback, others, declared);
  });
  return [...byHook, ...fallbackIssues("/fallback", pluginId, fallback, others, (other) => other.fallback)];
}

/** What is declared, for the audit log: which functions and plugins, and that there is a value, which is content. */
export function auditedStandIns({ hooks, fallback }: Pick<StandIn, "hooks" | "fallback">) {
  const entries = Object.entries(hooks).map(([name, override]) => [
    name,
    override.fallback === undefined ? override : { ...override, fallback: withoutValue(override.fallback) },
  ]);
  return { hooks: Object.fromEntries(entries) as Readonly<Record<string, object>>, fallback: withoutValue(fallback) }; // entries lose their type
}

function withoutValue(fallback: Fallback | null | undefined) {
  return fallback && "value" in fallback ? "value" : fallback;
}

/** Who stands in for a plugin in turn. */
function pluginOf(pluginId: string, others: readonly StandIn[], declaredBy: DeclaredBy): string | undefined {
  const other = others.find((install) => install.pluginId === pluginId);
  const fallback = other && declaredBy(other);
  return fallback && "plugin" in fallback ? fallback.plugin : undefined;
}

type DeclaredBy = (install: StandIn) => Fallback | null | undefined;

function fallbackIssues(
  path: string,
  pluginId: string,
  fallback: Fallback | null | undefined,
  others: readonly StandIn[],
  declaredBy: DeclaredBy,
): Issue[] {
  if (!fallback || "value" in fallback) return [];
  const chain = [pluginId];
  let next: string | undefined = fallback.plugin;
  while (next !== undefined) {
    const repeats = chain.includes(next);
    chain.push(next);
    if (repeats) return [{ path: `${path}/plugin`, message: `closes a circle: ${chain.join(" > ")}` }];
    next = pluginOf(next, others, declaredBy);
  }
  const first = others.find((install) => install.pluginId === fallback.plugin);
  if (!first) return [{ path: `${path}/plugin`, message: `must be an installed plugin; "${fallback.plugin}" is not` }];
  const exported = first.functions.join(", ") || "none";
  if (fallback.function === undefined) {
    if (first.defaultFunction !== undefined) return [];
    return [
      { path: `${path}/function`, message: `is needed: "${fallback.plugin}" has no default; it exports: ${exported}` },
    ];
  }
  if (first.functions.includes(fallback.function)) return [];
  return [{ path: `${path}/function`, message: `must be a function of "${fallback.plugin}"; it exports: ${exported}` }];
}
