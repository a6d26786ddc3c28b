import { toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import type { Schema } from "../plugin/schema.ts";

type JsonObject = Readonly<Record<string, unknown>>;
type Side = "input" | "output";

const TARGET = "draft-2020-12";

/** Makes JSON Schemas of the schemas of a definition, in which its named types are references. */
export class SchemaConverter {
  readonly #named: Readonly<Record<string, GenericSchema>>;
  /** By name. */
  readonly types: Readonly<Record<string, JsonObject>>;

  /** @throws {TypeError} for a type that has no JSON Schema */
  constructor(types: Readonly<Record<string, Schema>>) {
    const own = Object.entries(types).filter(([, schema]) => isValibot(schema));
    this.#named = Object.fromEntries(own) as unknown as Readonly<Record<string, GenericSchema>>; // their vendor says so
    this.types = Object.fromEntries(Object.entries(types).map(([name, schema]) => [name, this.#typeOf(name, schema)]));
  }

  /**
   * Libraries other than valibot bring their own JSON Schema where they follow Standard JSON Schema.
   *
   * @param where  what the schema is of, for the message
   * @throws {TypeError} where there is none
   */
  convert(schema: Schema, where: string, side: Side): JsonObject {
    const standard = schema["~standard"] as Schema["~standard"] & {
      readonly jsonSchema?: { readonly [Name in Side]: (options: { target: string }) => JsonObject };
    }; // optional part of the standard
    if (standard.jsonSchema) return withoutDialect(standard.jsonSchema[side]({ target: TARGET }));
    if (!isValibot(schema)) {
      throw new TypeError(
        `The schema of ${where} is by ${standard.vendor}, which gives no JSON Schema: use valibot, or a version that follows Standard JSON Schema.`,
      );
    }
    const options = { target: TARGET, typeMode: side, errorMode: "throw", definitions: { ...this.#named } } as const;
    const { $defs = {}, ...converted } = { ...toJsonSchema(schema as unknown as GenericSchema, options) }; // its vendor says so
    const own = Object.entries($defs).filter(([name]) => !Object.hasOwn(this.#named, name));
    return withoutDialect(own.length > 0 ? { ...converted, $defs: Object.fromEntries(own) } : converted);
  }

  /** A schema that is a named type is a reference; the type itself is what that one names. */
  #typeOf(name: string, schema: Schema): JsonObject {
    if (!isValibot(schema)) return this.convert(schema, name, "input");
    const options = { target: TARGET, typeMode: "input", errorMode: "throw", definitions: { ...this.#named } } as const;
    const { $defs = {} } = toJsonSchema(schema as unknown as GenericSchema, options); // its vendor says so
    return { ...($defs[name] as JsonObject) }; // what its vendor makes
  }
}

function isValibot(schema: Schema): boolean {
  return schema["~standard"].vendor === "valibot";
}

function withoutDialect({ $schema: _dialect, ...schema }: JsonObject): JsonObject {
  return schema;
}
