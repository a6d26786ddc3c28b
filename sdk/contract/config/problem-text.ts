import type { OutputUnit } from "@cfworker/json-schema";
import type { Issue } from "../errors.ts";
import { jsonPointer } from "../json-text.ts";
import { isObject, namesOf } from "./json-values.ts";
import { WRITTEN_PATTERN } from "./prepared-schema.ts";
import { resolveReference, type SchemaObject } from "./schema-parts.ts";

/** Longest text of a schema or of a configuration that a message repeats, in UTF-16 units. */
const QUOTED_LENGTH = 120;

export interface Found {
  /** Pointer into the configuration. */
  readonly path: string;
  readonly found: unknown;
  /** True for a secret, `kind` for what may be said no more of than what it is: the value is never repeated. */
  readonly isHidden: boolean | "kind";
}

/** What the validator found, in words: what the schema asks for and what there is. */
export function describeProblem(unit: OutputUnit, schema: object, { path, found, isHidden }: Found): Issue {
  if (unit.keyword === "required") {
    const name = /^Instance does not have required property "([^]*)"\.$/.exec(unit.error)?.[1] ?? "";
    return { path: path + jsonPointer([name]), message: "is required" };
  }
  const holder = schemaAt(schema, namesOf(unit.keywordLocation.slice(1)).map(decodeURIComponent).slice(0, -1));
  const expected = DESCRIPTIONS[unit.keyword]?.(holder?.[unit.keyword], holder ?? {});
  if (expected === undefined) return { path, message: `does not fit the schema's ${unit.keyword}` };
  return { path, message: SAYS_ALL.has(unit.keyword) ? expected : `${expected}; found ${nameFound(found, isHidden)}` };
}

const SAYS_ALL = new Set(["false", "not", "anyOf", "oneOf", "propertyNames", "dependentRequired", "dependencies"]);

type Description = (value: unknown, holder: SchemaObject) => string;

const DESCRIPTIONS: Readonly<Record<string, Description>> = {
  false: () => "is not a known entry",
  type: (value) => `must be ${Array.isArray(value) ? value.join(" or ") : String(value)}`,
  enum: (value) => `must be one of ${quote(value)}`,
  const: (value) => `must be ${quote(value)}`,
  minLength: (value) => `must have at least ${String(value)} characters`,
  maxLength: (value) => `must have at most ${String(value)} characters`,
  pattern: (_value, holder) => `must match the pattern ${quote(holder[WRITTEN_PATTERN])}`,
  format: (value) => `must be text in the format ${String(value)}`,
  minimum: (value) => `must be at least ${String(value)}`,
  maximum: (value) => `must be at most ${String(value)}`,
  exclusiveMinimum: (value) => `must be more than ${String(value)}`,
  exclusiveMaximum: (value) => `must be less than ${String(value)}`,
  multipleOf: (value) => `must be a multiple of ${String(value)}`,
  minItems: (value) => `must have at least ${String(value)} items`,
  maxItems: (value) => `must have at most ${String(value)} items`,
  uniqueItems: () => "must not have an item twice",
  contains: () => "must have items as `contains` says",
  minContains: () => "must have more items as `contains` says",
  maxContains: () => "must have fewer items as `contains` says",
  minProperties: (value) => `must have at least ${String(value)} entries`,
  maxProperties: (value) => `must have at most ${String(value)} entries`,
  propertyNames: () => "has an entry whose name is not allowed",
  dependentRequired: (value) => `has entries that need others beside them: ${quote(value)}`,
  dependencies: (value) => `has entries that need others beside them: ${quote(value)}`,
  not: () => "must not be like that",
  anyOf: () => "fits none of the alternatives",
  oneOf: () => "must fit exactly one of the alternatives",
};

/** The subschema at names of the validator, for which a reference is a name like any other. */
function schemaAt(root: object, names: readonly string[]): SchemaObject | undefined {
  let current: unknown = root;
  for (const step of names) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, step)) return undefined;
    const value = (current as Readonly<Record<string, unknown>>)[step]; // an own name of it
    current = step === "$ref" && typeof value === "string" ? resolveReference(root as SchemaObject, value) : value;
  }
  return isObject(current) ? current : undefined;
}

function nameFound(found: unknown, isHidden: Found["isHidden"]): string {
  if (isHidden === "kind") return kindOf(found);
  if (isHidden) return "a secret of another kind";
  if (Array.isArray(found)) return `a list of ${found.length}`;
  if (isObject(found)) return `an object of ${Object.keys(found).length}`;
  return quote(found);
}

/** What a value is, with its size. */
function kindOf(found: unknown): string {
  if (typeof found === "string") return `text of ${found.length} characters`;
  if (Array.isArray(found)) return `a list of ${found.length}`;
  if (isObject(found)) return `an object of ${Object.keys(found).length}`;
  return found === null || found === undefined ? "null" : `a ${typeof found}`;
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= QUOTED_LENGTH ? text : `${text.slice(0, QUOTED_LENGTH).toWellFormed()}… (${text.length})`;
}
