import { entryOf, isObject, namesOf } from "./json-values.ts";
import { DIALECTS, KEYWORDS, type Dialect, type Reach } from "./schema-keyword-table.ts";

/** A JSON Schema object; `true` and `false` are schemas too. */
export type SchemaObject = Readonly<Record<string, unknown>>;
export type Schema = SchemaObject | boolean;

/** A subschema: under which keyword, at which names below the schema that holds it. */
export interface SchemaPart {
  readonly keyword: string;
  readonly reach: Reach;
  /** Names below the holding schema, the keyword first. */
  readonly names: readonly string[];
  readonly schema: unknown;
}

/** Every subschema that a schema holds itself; what `$ref` names is not among them. */
export function partsOf(schema: SchemaObject): SchemaPart[] {
  return Object.entries(schema).flatMap(([keyword, value]): SchemaPart[] => {
    const spec = entryOf(KEYWORDS, keyword);
    if (!spec?.reach || spec.form === "reference") return [];
    const { form, reach } = spec;
    if (form === "schema" || (form === "schema or schemas" && !Array.isArray(value))) {
      return [{ keyword, reach, names: [keyword], schema: value }];
    }
    const isList = form === "schemas" || form === "schema or schemas";
    if (isList !== Array.isArray(value) || typeof value !== "object" || value === null) return [];
    return Object.entries(value)
      .filter(([, inner]) => form !== "schema or names by name" || !Array.isArray(inner))
      .map(([name, inner]) => ({ keyword, reach, names: [keyword, name], schema: inner }));
  });
}

/**
 * What a reference within the schema names.
 *
 * @param reference  `#`, `#/json/pointer` or `#anchor`
 * @returns undefined where nothing of the schema has that name
 */
export function resolveReference(root: SchemaObject, reference: string): unknown {
  const fragment = readFragment(reference);
  if (fragment === undefined) return undefined;
  if (fragment === "" || fragment.startsWith("/")) return lookUp(root, namesOf(fragment));
  return findAnchor(root, fragment);
}

function readFragment(reference: string): string | undefined {
  if (!reference.startsWith("#")) return undefined;
  try {
    return decodeURIComponent(reference.slice(1));
  } catch {
    return undefined; // a stray `%` names nothing
  }
}

function lookUp(root: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (value, name) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, name)
        ? (value as Readonly<Record<string, unknown>>)[name] // an own name of it
        : undefined,
    root,
  );
}

function findAnchor(schema: unknown, anchor: string): unknown {
  if (!isObject(schema)) return undefined;
  if (schema["$anchor"] === anchor) return schema;
  return partsOf(schema)
    .map((part) => findAnchor(part.schema, anchor))
    .find((found) => found !== undefined);
}

/** The dialect that a schema names, 2020-12 where it names none; undefined for one that is not known. */
export function dialectOf(schema: SchemaObject): Dialect | undefined {
  const name = schema["$schema"];
  if (name === undefined) return "2020-12";
  return typeof name === "string" ? entryOf<Dialect>(DIALECTS, name.replace(/#$/, "")) : undefined;
}

export function isSecret(schema: SchemaObject): boolean {
  return schema["x-secret"] === true || schema["writeOnly"] === true;
}
