import type { Schema as ValidatorSchema } from "@cfworker/json-schema";
import { entryOf, isObject, type JsonValue } from "./json-values.ts";
import { readPattern } from "./linear-pattern.ts";
import { FORMATS, KEYWORDS } from "./schema-keyword-table.ts";
import { partsOf, type SchemaObject } from "./schema-parts.ts";

/** Where a prepared schema keeps the pattern as its author wrote it, for messages. */
export const WRITTEN_PATTERN = "x-written-pattern";

/**
 * The schema as the validator may see it. The validator would run patterns on the backtracking engine of the language, so
 * each pattern is matched here, in linear time, against every text of the configuration, and replaced by one that says
 * literally which of them it matched. Formats that are not checked, and identifiers, are left out.
 */
export function preparedFor(schema: SchemaObject, config: JsonValue): ValidatorSchema {
  const texts = [...textsOf(config)];
  const matched = new Map<string, string>();
  const literally = (pattern: string): string => {
    const known = matched.get(pattern);
    if (known !== undefined) return known;
    const reading = readPattern(pattern);
    const literal = "problem" in reading ? NEVER : anyOf(texts.filter((text) => reading.pattern.test(text)));
    matched.set(pattern, literal);
    return literal;
  };
  return prepare(schema, literally) as ValidatorSchema; // the form was checked when the manifest was
}

const NEVER = "(?!)";

function anyOf(texts: readonly string[]): string {
  return texts.length === 0 ? NEVER : `^(?:${texts.map(escape).join("|")})$`;
}

function escape(text: string): string {
  return text.replaceAll(/[\^$\\.*+?()[\]{}|/]/g, String.raw`\$&`);
}

function textsOf(value: unknown, texts = new Set<string>()): Set<string> {
  if (typeof value === "string") texts.add(value);
  if (typeof value !== "object" || value === null) return texts;
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) texts.add(name);
    textsOf(inner, texts);
  }
  return texts;
}

type Literally = (pattern: string) => string;

function prepare(schema: unknown, literally: Literally): unknown {
  if (!isObject(schema)) return schema;
  const prepared = new Map(Object.entries(schema));
  prepared.delete("$id");
  prepared.delete("$schema");
  if (typeof schema["format"] === "string" && !FORMATS.has(schema["format"])) prepared.delete("format");
  if (typeof schema["pattern"] === "string") {
    prepared.set("pattern", literally(schema["pattern"]));
    prepared.set(WRITTEN_PATTERN, schema["pattern"]);
  }
  for (const keyword of new Set(partsOf(schema).map((part) => part.keyword))) {
    prepared.set(keyword, prepareParts(keyword, schema[keyword], literally));
  }
  return Object.fromEntries(prepared);
}

function prepareParts(keyword: string, value: unknown, literally: Literally): unknown {
  const form = entryOf(KEYWORDS, keyword)?.form;
  if (Array.isArray(value)) return value.map((inner) => prepare(inner, literally));
  if (form === "schema" || form === "schema or schemas") return prepare(value, literally);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner], index) => [
      // Two patterns that match the same names must stay two entries.
      keyword === "patternProperties" ? `${literally(name)}(?:){${index}}` : name,
      Array.isArray(inner) ? inner : prepare(inner, literally),
    ]),
  );
}
