import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it) of what a valibot schema takes. Checks that JSON Schema cannot say
 * are left out; a schema whose form on the wire differs from its type names that form in its metadata `jsonSchema`.
 */
export function jsonSchemaOf(schema: v.GenericSchema): JsonObject {
  const {
    $schema: _dialect,
    $defs: _definitions,
    ...rest
  } = toJsonSchema(schema, {
    target: "draft-2020-12",
    errorMode: "ignore",
    overrideAction: ({ valibotAction }) => {
      if (valibotAction.kind !== "metadata" || valibotAction.type !== "metadata") return undefined;
      const { jsonSchema } = (valibotAction as v.MetadataAction<unknown, Record<string, unknown>>).metadata; // told by its type
      return isObject(jsonSchema) ? { ...jsonSchema } : undefined;
    },
  });
  return withoutReferences(rest) as JsonObject; // an object stays one
}

/** A reference counts from the document's root, where a part of it has no definitions: what contains itself is said in words. */
function withoutReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutReferences);
  if (!isObject(value)) return value;
  if ("$ref" in value) return { type: "object", description: "Of the same shape as what holds it" };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutReferences(inner)]));
}

export function isValibotSchema(value: object): value is v.GenericSchema {
  return "kind" in value && value.kind === "schema" && "~run" in value;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
