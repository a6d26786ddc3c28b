import { dereference, validate, type OutputUnit, type Schema as ValidatorSchema } from "@cfworker/json-schema";
import type { Issue } from "../errors.ts";
import { jsonPointer } from "../json-text.ts";
import { configLimitIssues } from "./config-limits.ts";
import { entryOf, isJsonObject, namesOf, withValueAt, type JsonObject, type JsonValue } from "./json-values.ts";
import { describeProblem } from "./problem-text.ts";
import { readSchemaFacts } from "./schema-facts.ts";
import { dialectOf, type SchemaObject } from "./schema-parts.ts";
import { preparedFor, SchemaTooCostly } from "./prepared-schema.ts";

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

/**
 * What is wrong with a payload, each with the keyword that says so. Where the first problem is enough to know that it does not fit,
 * the others are looked for as far as the steps last.
 *
 * @param prepared  the schema as `countedFor` makes it
 * @throws {SchemaTooCostly} where the steps do not last for the first
 */
export function problemsOf(schema: SchemaObject, prepared: ValidatorSchema, value: JsonValue): Issue[] {
  const dialect = dialectOf(schema) ?? "2020-12";
  const lookup = dereference(prepared);
  const first = validate(value, prepared, dialect, lookup, true);
  if (first.valid) return [];
  const units = withoutAlternatives(allErrors() ?? first.errors).filter(({ keyword }) => !WRAPPERS.has(keyword));
  return units.map((unit) => {
    const names = instanceNames(unit.instanceLocation);
    const found = { path: jsonPointer(names), found: valueAtAny(value, names), isHidden: "kind" as const };
    const { path, message } = describeProblem(unit, prepared, found);
    return { path, message: `${message} (${unit.keyword})` };
  });

  function allErrors(): OutputUnit[] | undefined {
    try {
      return validate(value, prepared, dialect, lookup, false).errors;
    } catch (error) {
      if (error instanceof SchemaTooCostly) return undefined;
      throw error;
    }
  }
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
