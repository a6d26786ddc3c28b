import { isJsonObject, valueAt, withValueAt, type JsonObject } from "./json-values.ts";
import { readSchemaFacts, type DefaultValue } from "./schema-facts.ts";
import type { SchemaObject } from "./schema-parts.ts";

/**
 * The configuration with the schema's defaults for what it leaves out. A default counts where named properties lead to
 * it and the object that would hold it is there, be it by a default of its own.
 */
export function withDefaults(schema: SchemaObject | undefined, config: JsonObject): JsonObject {
  if (schema === undefined) return config;
  return readSchemaFacts(schema).defaults.reduce(withDefault, config);
}

function withDefault(config: JsonObject, { names, value }: DefaultValue): JsonObject {
  if (names.length === 0) return isJsonObject(value) ? { ...value, ...config } : config;
  const isMissing = valueAt(config, names) === undefined && isJsonObject(valueAt(config, names.slice(0, -1)));
  return isMissing ? withValueAt(config, names, value) : config;
}
