/**
 * Keywords of JSON Schema that a configuration schema may use: what their values look like and where they lead. Drafts
 * 2020-12 (https://json-schema.org/draft/2020-12), 2019-09 and 07; any other keyword is an annotation, as those drafts say.
 */

export type KeywordForm =
  | "schema"
  | "schemas"
  | "schema or schemas"
  | "schemas by name"
  | "schemas by pattern"
  | "schema or names by name"
  | "names by name"
  | "names"
  | "types"
  | "count"
  | "number"
  | "positive number"
  | "text"
  | "yes or no"
  | "list"
  | "pattern"
  | "reference"
  | "anchor"
  | "dialect"
  | "root id"
  | "anything"
  | "unsupported";

/** What a subschema under the keyword speaks of: the same value, a value inside it, or nothing until it is referred to. */
export type Reach = "same" | "named" | "inside" | "stored";

interface KeywordSpec {
  readonly form: KeywordForm;
  readonly reach?: Reach;
}

export const KEYWORDS: Readonly<Record<string, KeywordSpec>> = {
  $schema: { form: "dialect" },
  $id: { form: "root id" },
  $ref: { form: "reference", reach: "same" },
  $anchor: { form: "anchor" },
  $comment: { form: "text" },
  $defs: { form: "schemas by name", reach: "stored" },
  definitions: { form: "schemas by name", reach: "stored" },
  // References that depend on who refers: the validator does not know them, and a configuration needs none.
  $recursiveRef: { form: "unsupported" },
  $recursiveAnchor: { form: "unsupported" },
  $dynamicRef: { form: "unsupported" },
  $dynamicAnchor: { form: "unsupported" },
  $vocabulary: { form: "unsupported" },

  title: { form: "text" },
  description: { form: "text" },
  default: { form: "anything" },
  examples: { form: "list" },
  deprecated: { form: "yes or no" },
  readOnly: { form: "yes or no" },
  writeOnly: { form: "yes or no" },
  "x-secret": { form: "yes or no" },

  type: { form: "types" },
  enum: { form: "list" },
  const: { form: "anything" },
  multipleOf: { form: "positive number" },
  minimum: { form: "number" },
  maximum: { form: "number" },
  exclusiveMinimum: { form: "number" },
  exclusiveMaximum: { form: "number" },
  minLength: { form: "count" },
  maxLength: { form: "count" },
  pattern: { form: "pattern" },
  format: { form: "text" },
  minItems: { form: "count" },
  maxItems: { form: "count" },
  uniqueItems: { form: "yes or no" },
  minContains: { form: "count" },
  maxContains: { form: "count" },
  minProperties: { form: "count" },
  maxProperties: { form: "count" },
  required: { form: "names" },
  dependentRequired: { form: "names by name" },

  allOf: { form: "schemas", reach: "same" },
  anyOf: { form: "schemas", reach: "same" },
  oneOf: { form: "schemas", reach: "same" },
  not: { form: "schema", reach: "same" },
  if: { form: "schema", reach: "same" },
  then: { form: "schema", reach: "same" }, // eslint-disable-line unicorn/no-thenable -- a keyword, never a function
  else: { form: "schema", reach: "same" },
  dependentSchemas: { form: "schemas by name", reach: "same" },
  dependencies: { form: "schema or names by name", reach: "same" },
  properties: { form: "schemas by name", reach: "named" },
  patternProperties: { form: "schemas by pattern", reach: "inside" },
  additionalProperties: { form: "schema", reach: "inside" },
  unevaluatedProperties: { form: "schema", reach: "inside" },
  propertyNames: { form: "schema", reach: "inside" },
  items: { form: "schema or schemas", reach: "inside" },
  prefixItems: { form: "schemas", reach: "inside" },
  additionalItems: { form: "schema", reach: "inside" },
  unevaluatedItems: { form: "schema", reach: "inside" },
  contains: { form: "schema", reach: "inside" },
};

export const TYPE_NAMES = ["array", "boolean", "integer", "null", "number", "object", "string"] as const;

/** Dialects by their `$schema`, without an empty fragment. */
export const DIALECTS = {
  "https://json-schema.org/draft/2020-12/schema": "2020-12",
  "https://json-schema.org/draft/2019-09/schema": "2019-09",
  "http://json-schema.org/draft-07/schema": "7",
} as const;
export type Dialect = (typeof DIALECTS)[keyof typeof DIALECTS];

/** Formats that are checked; all others are annotations. Each was tried with long hostile texts. */
export const FORMATS: ReadonlySet<string> = new Set([
  "date",
  "time",
  "date-time",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "uri",
  "uri-reference",
  "uuid",
  "json-pointer",
  "relative-json-pointer",
  "regex",
]);
