import { withDefaults } from "../../../sdk/contract/config/defaults.ts";
import { ENVIRONMENTS, type Environment } from "../../../sdk/contract/config/environments.ts";
import {
  entryOf,
  isJsonObject,
  isSameJson,
  namesOf,
  overlay,
  valueAt,
  withValueAt,
  type JsonObject,
  type JsonValue,
} from "../../../sdk/contract/config/json-values.ts";
import type { SchemaObject } from "../../../sdk/contract/config/schema-parts.ts";
import { configIssues } from "../../../sdk/contract/config/validate-config.ts";
import type { Issue } from "../../../sdk/contract/errors.ts";
import { jsonPointer } from "../../../sdk/contract/json-text.ts";

/** A whole configuration: what was set for each environment, secrets in their places. Exists in memory only. */
export type OpenDocument = Partial<Readonly<Record<Environment, JsonObject>>>;

/** What a plugin would read in an environment: defaults of the schema, what holds everywhere, what the environment says. */
export function effectiveConfig(
  schema: SchemaObject | undefined,
  document: OpenDocument,
  environment: Environment,
): JsonObject {
  const base = document.default ?? {};
  return withDefaults(schema, environment === "default" ? base : overlay(base, document[environment] ?? {}));
}

/** Environments in which the configuration differs, `default` first. */
export function environmentsOf(document: OpenDocument): Environment[] {
  return ENVIRONMENTS.filter((environment) => environment === "default" || document[environment] !== undefined);
}

/** What is wrong with the configuration in any environment, so that none of them can ever be given a bad one. */
export function documentIssues(schema: SchemaObject | undefined, document: OpenDocument): Issue[] {
  const issues = environmentsOf(document).flatMap((environment): Issue[] => {
    const found = configIssues(schema, effectiveConfig(schema, document, environment));
    if (environment === "default") return found;
    return found.map(({ path, message }) => ({ path, message: `${message} (in ${environment})` }));
  });
  // What is wrong everywhere is said once.
  const everywhere = new Set(issues.map(({ path, message }) => `${path} ${message}`));
  return issues.filter(({ path, message }) => {
    const [, plain] = /^([^]*) \(in [a-z]+\)$/.exec(message) ?? [];
    return plain === undefined || !everywhere.has(`${path} ${plain}`);
  });
}

export interface SplitConfig {
  readonly values: JsonObject;
  /** By pointer. */
  readonly secrets: ReadonlyMap<string, JsonValue>;
}

/** Takes the values at the secrets' places out of a configuration. */
export function splitSecrets(config: JsonObject, pointers: readonly string[]): SplitConfig {
  const secrets = new Map<string, JsonValue>();
  let values = config;
  for (const pointer of pointers) {
    const value = valueAt(values, namesOf(pointer));
    if (value === undefined) continue;
    secrets.set(pointer, value);
    values = withValueAt(values, namesOf(pointer), undefined);
  }
  return { values, secrets };
}

/** True for what answers show in a secret's place: sent back, it means that the secret stays. */
export function isKept(value: JsonValue | undefined): boolean {
  if (!isJsonObject(value) || value["set"] !== true) return false;
  return Object.keys(value).every((name) => name === "set" || name === "updatedAt");
}

/**
 * A configuration as sent, with the secrets that stay in their places.
 *
 * @param known  what is set for the environment now
 * @returns the configuration, or the places where a secret should stay that is not set
 */
export function keepSecrets(
  sent: JsonObject,
  known: JsonObject,
  pointers: readonly string[],
): { readonly config: JsonObject } | { readonly issues: readonly Issue[] } {
  const kept = pointers.filter((pointer) => isKept(valueAt(sent, namesOf(pointer))));
  const missing = kept.filter((pointer) => valueAt(known, namesOf(pointer)) === undefined);
  if (missing.length > 0) {
    return { issues: missing.map((path) => ({ path, message: "is a secret that is not set, so it cannot stay" })) };
  }
  const config = kept.reduce((result, pointer) => {
    const names = namesOf(pointer);
    return withValueAt(result, names, valueAt(known, names));
  }, sent);
  return { config };
}

/** A merge patch without the secrets that it says stay: what a patch leaves out stays. */
export function withoutKept(patch: JsonObject, pointers: readonly string[]): JsonObject {
  return pointers
    .filter((pointer) => isKept(valueAt(patch, namesOf(pointer))))
    .reduce((result, pointer) => withValueAt(result, namesOf(pointer), undefined), patch);
}

/** Most places that are listed of one change. */
export const CHANGES_SHOWN = 50;

/** Pointers of what differs between two configurations, never what it is. */
export function changedPlaces(before: JsonValue | undefined, after: JsonValue | undefined, at = ""): string[] {
  if (isSameJson(before, after)) return [];
  if (!isJsonObject(before) || !isJsonObject(after)) return [at];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names
    .flatMap((name) => changedPlaces(entryOf(before, name), entryOf(after, name), at + jsonPointer([name])))
    .slice(0, CHANGES_SHOWN);
}

/** Pointers of what differs in any environment; those of overrides begin with the environment's name. */
export function changedInDocument(before: OpenDocument, after: OpenDocument): string[] {
  return ENVIRONMENTS.flatMap((environment) => {
    const places = changedPlaces(before[environment] ?? {}, after[environment] ?? {});
    return environment === "default" ? places : places.map((place) => `${environment}:${place}`);
  }).slice(0, CHANGES_SHOWN);
}
