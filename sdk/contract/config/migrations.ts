import type { Issue } from "../errors.ts";
import { parseRange, parseVersion, satisfies } from "../version.ts";
import { entryOf, isObject, namesOf } from "./json-values.ts";

/**
 * How a configuration of an older version becomes one of the version whose manifest says so. Operations are applied in
 * order; one whose source is not there does nothing, so that optional settings need no conditions.
 */
export type ConfigOperation =
  | { readonly op: "rename"; readonly path: string; readonly to: string }
  | { readonly op: "move"; readonly from: string; readonly path: string }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "set"; readonly path: string; readonly value: unknown };

export interface ConfigMigration {
  /** Versions whose configurations it changes. */
  readonly from: string;
  readonly operations: readonly ConfigOperation[];
}

export const MIGRATION_LIMITS = { migrations: 50, operations: 100, pointerLength: 500 } as const;

/** A tree of objects; leaves are values of any kind, such as secrets that are carried along unopened. */
export type ConfigTree = Readonly<Record<string, unknown>>;

export type MigrationResult = { readonly config: ConfigTree } | { readonly issue: Issue };

/** The migrations that a configuration of a version goes through, in the order of the manifest. */
export function migrationsFrom(migrations: readonly ConfigMigration[], version: string): readonly ConfigMigration[] {
  const known = parseVersion(version);
  if (!known) return [];
  return migrations.filter(({ from }) => {
    const range = parseRange(from);
    return range !== undefined && satisfies(known, range);
  });
}

/**
 * Applies migrations to a configuration. The given tree stays as it was.
 *
 * @returns the configuration afterwards, or the place where an operation met something that is there already or is no object
 */
export function migrateConfig(config: ConfigTree, migrations: readonly ConfigMigration[]): MigrationResult {
  let current = config;
  for (const operation of migrations.flatMap(({ operations }) => operations)) {
    const result = apply(current, operation);
    if ("issue" in result) return result;
    current = result.config;
  }
  return { config: current };
}

function apply(config: ConfigTree, operation: ConfigOperation): MigrationResult {
  const names = namesOf(operation.op === "move" ? operation.from : operation.path);
  if (operation.op === "set") return put(config, operation.path, operation.value, true);
  const found = valueIn(config, names);
  if (found === undefined) return { config };
  const without = removed(config, names);
  if (operation.op === "remove") return { config: without };
  const target =
    operation.op === "move"
      ? operation.path
      : `${operation.path.slice(0, operation.path.lastIndexOf("/"))}/${escape(operation.to)}`;
  return put(without, target, found, false);
}

function put(config: ConfigTree, path: string, value: unknown, replaces: boolean): MigrationResult {
  const names = namesOf(path);
  for (let length = 1; length < names.length; length++) {
    const holder = valueIn(config, names.slice(0, length));
    if (holder !== undefined && !isTree(holder)) {
      return { issue: { path, message: "cannot be set by the migration: what would hold it is no object" } };
    }
  }
  if (!replaces && valueIn(config, names) !== undefined) {
    return { issue: { path, message: "cannot be moved here by the migration: it is there already" } };
  }
  return { config: withValue(config, names, value) };
}

/** Plain objects only: an instance of a class is a leaf. */
export function isTree(value: unknown): value is ConfigTree {
  return isObject(value) && Object.getPrototypeOf(value) === Object.prototype;
}

function valueIn(config: ConfigTree, names: readonly string[]): unknown {
  return names.reduce<unknown>((value, name) => (isTree(value) ? entryOf(value, name) : undefined), config);
}

/** The tree with a value under names; objects on the way are made. */
export function withValue(tree: ConfigTree, [name = "", ...rest]: readonly string[], value: unknown): ConfigTree {
  const known = entryOf(tree, name);
  const inner = rest.length === 0 ? value : withValue(isTree(known) ? known : {}, rest, value);
  return Object.fromEntries([...Object.entries(tree), [name, inner]]);
}

function removed(tree: ConfigTree, [name = "", ...rest]: readonly string[]): ConfigTree {
  const known = entryOf(tree, name);
  const entries = Object.entries(tree).filter(([other]) => other !== name);
  if (rest.length === 0 || !isTree(known)) return Object.fromEntries(entries);
  return Object.fromEntries([...entries, [name, removed(known, rest)]]);
}

function escape(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
