import type { JsonObject, JsonValue } from "./json-values.ts";

/**
 * A configuration as Extism's `config_get` reads it: text by name. Strings are themselves, every other value is its JSON
 * text; the names of the latter are kept, so that the whole can be put together again.
 */
export interface FlatConfig {
  readonly texts: Readonly<Record<string, string>>;
  /** Names whose text is JSON. */
  readonly jsonNames: readonly string[];
}

/** What a plugin reads under this name is the whole configuration as JSON, so no entry may have it. */
export const WHOLE_CONFIG_NAME = "$config";

/** Text of an entry as `config_get` gives it. */
export function entryText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function flatten(config: JsonObject): FlatConfig {
  const entries = Object.entries(config);
  return {
    texts: Object.fromEntries(entries.map(([name, value]) => [name, entryText(value)])),
    jsonNames: entries.filter(([, value]) => typeof value !== "string").map(([name]) => name),
  };
}

/** The configuration that {@link flatten} was given. */
export function unflatten({ texts, jsonNames }: FlatConfig): JsonObject {
  const json = new Set(jsonNames);
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]): [string, JsonValue] => [
      name,
      json.has(name) ? (JSON.parse(text) as JsonValue) : text, // written by flatten
    ]),
  );
}

/** JSON text of the whole configuration, put together without reading its parts. */
export function wholeText({ texts, jsonNames }: FlatConfig): string {
  const json = new Set(jsonNames);
  const members = Object.entries(texts).map(
    ([name, text]) => `${JSON.stringify(name)}:${json.has(name) ? text : JSON.stringify(text)}`,
  );
  return `{${members.join(",")}}`;
}
