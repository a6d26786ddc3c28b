import { isObject } from "../contract/config/json-values.ts";
import { resolveReference, type SchemaObject } from "../contract/config/schema-parts.ts";

/** What of a schema has to do with types, once its parts are put together. */

const BY_KEYWORD = {
  object: ["properties", "patternProperties", "additionalProperties", "required", "propertyNames"],
  array: ["items", "prefixItems", "contains"],
} as const;

/** The schema with those of its `allOf` put into it: properties and required names of all, and what each says alone. */
export function merged(schema: SchemaObject, root: SchemaObject): SchemaObject {
  const { allOf, ...own } = schema;
  if (!Array.isArray(allOf)) return schema;
  const parts = allOf.map((part) => targetOf(part, root)).filter(isObject);
  return parts.map((part) => merged(part, root)).reduce<SchemaObject>(both, own);
}

/** Objects of which both hold. What both say is what the second says, but for properties and required names. */
function both(one: SchemaObject, other: SchemaObject): SchemaObject {
  const joined = { ...one, ...other };
  const properties = { ...recordAt(one, "properties"), ...recordAt(other, "properties") };
  const required = [...new Set([...listAt(one, "required"), ...listAt(other, "required")])];
  return {
    ...joined,
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(required.length > 0 ? { required } : {}),
    ...(typeof one["description"] === "string" ? { description: one["description"] } : {}),
  };
}

/**
 * The alternatives of a schema, each with what holds for all of them; undefined where there are none, or where they only say which
 * members have to be there.
 */
export function membersOf(schema: SchemaObject, root: SchemaObject): readonly unknown[] | undefined {
  const keyword = ["oneOf", "anyOf"].find((name) => Array.isArray(schema[name]));
  if (keyword === undefined) return undefined;
  const alternatives = listAt(schema, keyword);
  const { [keyword]: _alternatives, title: _title, description: _description, default: _default, ...common } = schema;
  const saysMore = alternatives.some((alternative) => {
    const target = targetOf(alternative, root);
    return !isObject(target) || Object.keys(target).some((name) => name !== "required" && name !== "not");
  });
  if (!saysMore) return undefined;
  const isPlain = typeNamesOf(common).length === 0;
  return isPlain ? alternatives : alternatives.map((alternative) => withCommon(common, targetOf(alternative, root)));
}

function withCommon(common: SchemaObject, alternative: unknown): unknown {
  return isObject(alternative) ? both(common, alternative) : alternative;
}

/** Names of the types that a schema lets through; empty where it lets all through. */
export function typeNamesOf(schema: SchemaObject): readonly string[] {
  const { type } = schema;
  if (typeof type === "string") return [type];
  if (Array.isArray(type)) return type.filter((name) => typeof name === "string");
  const found = Object.entries(BY_KEYWORD).find(([, keywords]) =>
    keywords.some((keyword) => Object.hasOwn(schema, keyword)),
  );
  return found ? [found[0]] : [];
}

function targetOf(schema: unknown, root: SchemaObject): unknown {
  if (!isObject(schema) || typeof schema["$ref"] !== "string") return schema;
  return targetOf(resolveReference(root, schema["$ref"]), root);
}

function recordAt(schema: SchemaObject, keyword: string): SchemaObject {
  return isObject(schema[keyword]) ? schema[keyword] : {};
}

function listAt(schema: SchemaObject, keyword: string): readonly unknown[] {
  const value = schema[keyword];
  return Array.isArray(value) ? value : [];
}
