import { validate, type OutputUnit } from "@cfworker/json-schema";
import type { Issue } from "../errors.ts";
import { jsonPointer } from "../json-text.ts";
import { configLimitIssues } from "./config-limits.ts";
import { entryOf, isJsonObject, namesOf, withValueAt, type JsonObject, type JsonValue } from "./json-values.ts";
import { describeProblem } from "./problem-text.ts";
import { readSchemaFacts } from "./schema-facts.ts";
import { dialectOf, type SchemaObject } from "./schema-parts.ts";
import { preparedFor } from "./prepared-schema.ts";

const ISSUES_SHOWN = 20;
/** Keywords that only say that something below them is wrong, which is reported by itself. */
const WRAPPERS = new Set([
  "properties",
  "patternProperties",
  "additionalProperties",
  "unevaluatedProperties",
  "items",
  "prefixItems",
  "additionalItems",
  "unevaluatedItems",
  "allOf",
  "if",
  "dependentSchemas",
  "$ref",
]);
/** Keywords under which what is wrong depends on which alternative was meant; they are reported as a whole. */
const ALTERNATIVES = new Set(["anyOf", "oneOf", "propertyNames", "contains"]);

/**
 * Everything that is wrong with a configuration, with JSON pointers into it, at most 20 problems. Says what was found,
 * but never the value of a secret.
 *
 * @param schema  one that `configSchemaIssues` has nothing against; undefined where the plugin has none
 * @param config  the whole configuration as the plugin would read it, secrets included
 */
export function configIssues(schema: SchemaObject | undefined, config: unknown): Issue[] {
  const limits = configLimitIssues(config);
  if (limits.length > 0 || schema === undefined) return limits.slice(0, ISSUES_SHOWN);
  const value = config as JsonObject; // the limits hold for objects only
  return schemaIssues(schema, value, readSchemaFacts(schema).secrets)
    .map(({ issue }) => issue)
    .slice(0, ISSUES_SHOWN);
}

export interface SchemaIssue {
  readonly keyword: string;
  readonly issue: Issue;
}

/** @param secrets  pointers of values that must not be shown */
export function schemaIssues(schema: SchemaObject, config: JsonObject, secrets: readonly string[]): SchemaIssue[] {
  const prepared = preparedFor(schema, config);
  const { errors } = validate(config, prepared, dialectOf(schema) ?? "2020-12", undefined, false);
  return withoutAlternatives(errors).flatMap((unit) => {
    if (WRAPPERS.has(unit.keyword)) return [];
    const names = instanceNames(unit.instanceLocation);
    const path = jsonPointer(names);
    const isHidden = secrets.some((secret) => path === secret || path.startsWith(`${secret}/`));
    const found = valueAtAny(config, names);
    return [{ keyword: unit.keyword, issue: describeProblem(unit, prepared, { path, found, isHidden }) }];
  });
}

/** The default values of a schema that the schema itself refuses; pointers into the schema's configuration. */
export function defaultIssues(schema: SchemaObject): Issue[] {
  return readSchemaFacts(schema).defaults.flatMap(({ names, value }): Issue[] => {
    const config = names.length === 0 ? value : withValueAt({}, names, value);
    if (!isJsonObject(config)) return [{ path: "/default", message: "must be an object" }];
    const at = jsonPointer(names);
    const problems = [
      ...configLimitIssues(config),
      ...schemaIssues(schema, config, []).map(({ issue }) => issue),
    ].filter(({ path }) => path === at || path.startsWith(`${at}/`));
    const relevant = names.length === 0 ? problems.filter(({ message }) => message !== "is required") : problems;
    return relevant.map(({ path, message }) => ({
      path: "",
      message: `has a default that it refuses itself: ${path} ${message}`,
    }));
  });
}

/** Drops what stands below an alternative: the alternative itself is reported. */
function withoutAlternatives(errors: readonly OutputUnit[]): OutputUnit[] {
  const kept: OutputUnit[] = [];
  let under: OutputUnit | undefined;
  for (const unit of errors) {
    const isBelow =
      under !== undefined &&
      (unit.keywordLocation.startsWith(`${under.keywordLocation}/`) ||
        // The validator does not say where a `false` stands.
        (unit.keyword === "false" && unit.instanceLocation.startsWith(under.instanceLocation)));
    if (isBelow) continue;
    under = ALTERNATIVES.has(unit.keyword) ? unit : undefined;
    kept.push(unit);
  }
  return kept;
}

/** The validator's locations are URI fragments of JSON pointers. */
function instanceNames(location: string): string[] {
  return namesOf(location.slice(1).split("/").map(decodeURIComponent).join("/"));
}

function valueAtAny(root: JsonValue, names: readonly string[]): JsonValue | undefined {
  return names.reduce<JsonValue | undefined>((value, name) => {
    if (Array.isArray(value)) return (value as readonly JsonValue[])[Number(name)]; // Array.isArray loses the element type
    return isJsonObject(value) ? entryOf(value, name) : undefined;
  }, root);
}
