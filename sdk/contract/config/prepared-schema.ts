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

/** Thrown in the middle of a validation that takes more steps than it may. */
export class SchemaTooCostly extends Error {}

/**
 * The same, for schemas that may lead back to themselves and values of any size: counts what the validator does, and ends it after so
 * many steps. The validator reads every keyword of a subschema each time it holds a value against it; a keyword of older drafts, which
 * no checked schema has, counts.
 */
export function countedFor(schema: SchemaObject, value: JsonValue, steps: number): ValidatorSchema {
  let left = steps;
  const spend = (cost: number): void => {
    left -= cost;
    if (left < 0) throw new SchemaTooCostly();
  };
  const { characters, longest } = measure(value);
  const patterns = patternsIn(schema);
  // Each pattern is run over all text, and each text is then looked for among those that matched.
  if (patterns > 0) spend(Math.ceil((characters * patterns) / TEXT_PER_STEP));
  const prepared = preparedFor(schema, value);
  const pending: unknown[] = [prepared];
  const seen = new Set<unknown>();
  while (pending.length > 0) {
    const current = pending.pop();
    if (!isObject(current) || seen.has(current)) continue;
    seen.add(current);
    const cost = costOf(current, longest);
    Object.defineProperty(current, "$recursiveAnchor", { enumerable: false, get: () => spend(cost) });
    pending.push(...partsOf(current).map((part) => part.schema));
  }
  return prepared;
}

/** Characters of text that a pattern is run over in a step's time. */
const TEXT_PER_STEP = 64;

function costOf(schema: SchemaObject, longest: number): number {
  const listed = [schema["enum"], schema["const"]].map((value) =>
    value === undefined ? 0 : JSON.stringify(value).length,
  );
  const names = [schema["required"], schema["properties"], schema["patternProperties"]].map((value) =>
    typeof value === "object" && value !== null ? Object.keys(value).length : 0,
  );
  const compared = schema["uniqueItems"] === true ? longest * longest : 0;
  return 1 + Math.ceil([...listed, ...names, compared].reduce((sum, count) => sum + count, 0) / 16);
}

function measure(root: JsonValue): { readonly characters: number; readonly longest: number } {
  let characters = 0;
  let longest = 0;
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value === "string") characters += value.length + 1;
    if (typeof value !== "object" || value === null) continue;
    if (Array.isArray(value)) longest = Math.max(longest, value.length);
    else characters += Object.keys(value).join(" ").length;
    for (const inner of Object.values(value)) pending.push(inner);
  }
  return { characters, longest };
}

/** Steps of all patterns in a schema together. */
function patternsIn(root: SchemaObject): number {
  let steps = 0;
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const schema = pending.pop();
    if (!isObject(schema)) continue;
    const patterns = isObject(schema["patternProperties"]) ? Object.keys(schema["patternProperties"]) : [];
    if (typeof schema["pattern"] === "string") patterns.push(schema["pattern"]);
    for (const pattern of patterns) {
      const reading = readPattern(pattern);
      steps += "problem" in reading ? 0 : reading.pattern.steps;
    }
    pending.push(...partsOf(schema).map((part) => part.schema));
  }
  return steps;
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
