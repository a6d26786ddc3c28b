import type { Issue } from "../errors.ts";
import { jsonPointer } from "../json-text.ts";
import { entryOf, isObject, isSameJson } from "./json-values.ts";
import { PATTERN_LIMITS, readPattern } from "./linear-pattern.ts";
import { readSchemaFacts } from "./schema-facts.ts";
import { DIALECTS, KEYWORDS, TYPE_NAMES, type KeywordForm } from "./schema-keyword-table.ts";
import { dialectOf, partsOf, resolveReference, type SchemaObject } from "./schema-parts.ts";
import { defaultIssues } from "./validate-config.ts";

const ISSUES_SHOWN = 20;

interface Check {
  readonly root: SchemaObject;
  readonly issues: Issue[];
  /** Every subschema whose keywords are looked at, and where they stand; references may name nothing else. */
  readonly seen: Set<SchemaObject>;
  readonly places: Set<string>;
  readonly references: { readonly path: string; readonly value: string }[];
  patternSteps: number;
}

/**
 * Whether a manifest's `config` is a JSON Schema that Patchbay can hold configurations against in bounded time.
 *
 * @param schema  parsed JSON, at most as deep and large as a manifest allows
 * @returns what is wrong, with JSON pointers into the schema; empty where nothing is
 */
export function configSchemaIssues(schema: SchemaObject): Issue[] {
  const issues = schemaFormIssues(schema);
  if (issues.length === 0) issues.push(...readSchemaFacts(schema).issues);
  if (issues.length === 0) issues.push(...defaultIssues(schema));
  return issues.slice(0, ISSUES_SHOWN);
}

/** Whether every keyword has a value that it may have, and every reference names a schema within the whole. */
export function schemaFormIssues(schema: SchemaObject): Issue[] {
  const check: Check = {
    root: schema,
    issues: [],
    seen: new Set(),
    places: new Set(),
    references: [],
    patternSteps: 0,
  };
  checkSchema(check, schema, []);
  checkReferences(check);
  if (check.patternSteps > PATTERN_LIMITS.stepsInSchema) {
    const message = `has patterns of ${check.patternSteps} steps together; at most ${PATTERN_LIMITS.stepsInSchema}`;
    check.issues.push({ path: "", message });
  }
  return check.issues.slice(0, ISSUES_SHOWN);
}

function checkSchema(check: Check, schema: unknown, at: readonly string[]): void {
  check.places.add(jsonPointer(at));
  if (typeof schema === "boolean") return;
  if (!isObject(schema)) {
    check.issues.push({ path: jsonPointer(at), message: "must be a schema: an object, true or false" });
    return;
  }
  check.seen.add(schema);
  for (const [keyword, value] of Object.entries(schema)) {
    const spec = entryOf(KEYWORDS, keyword);
    const problem = spec && problemOf(check, spec.form, value, at);
    if (problem !== undefined) check.issues.push({ path: jsonPointer([...at, keyword]), message: problem });
    if (spec?.form === "schemas by pattern" && isObject(value)) checkPatterns(check, value, [...at, keyword]);
  }
  for (const part of partsOf(schema)) checkSchema(check, part.schema, [...at, ...part.names]);
}

function checkPatterns(check: Check, schemas: SchemaObject, at: readonly string[]): void {
  for (const pattern of Object.keys(schemas)) {
    const problem = patternProblem(check, pattern);
    if (problem !== undefined) check.issues.push({ path: jsonPointer([...at, pattern]), message: problem });
  }
}

function patternProblem(check: Check, source: string): string | undefined {
  const reading = readPattern(source);
  if ("problem" in reading) return reading.problem;
  check.patternSteps += reading.pattern.steps;
  return undefined;
}

/** @returns what is wrong with a keyword's own value; its subschemas are checked apart */
function problemOf(check: Check, form: KeywordForm, value: unknown, at: readonly string[]): string | undefined {
  if (form === "pattern") return typeof value === "string" ? patternProblem(check, value) : "must be text";
  if (form === "reference") {
    if (typeof value !== "string") return "must be text";
    check.references.push({ path: jsonPointer([...at, "$ref"]), value });
    return undefined;
  }
  if (form === "dialect") {
    if (at.length > 0) return "must be at the top only";
    return dialectOf(check.root) ? undefined : `must be one of ${Object.keys(DIALECTS).join(", ")}`;
  }
  if (form === "root id" && at.length > 0) return "must be at the top only: it would change what references mean";
  return FORM_PROBLEMS[form](value);
}

/** Once every subschema is known: one that was not looked at could hold anything. */
function checkReferences({ root, issues, seen, places, references }: Check): void {
  for (const { path, value } of references) {
    if (!value.startsWith("#")) {
      issues.push({ path, message: "must name a place within this schema and begin with `#`; nothing is fetched" });
      continue;
    }
    const target = resolveReference(root, value);
    if (isObject(target) ? seen.has(target) : typeof target === "boolean" && places.has(value.slice(1))) continue;
    issues.push({ path, message: `names ${JSON.stringify(value.slice(0, 100))}, where there is no schema` });
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0; // a number, as the first test says
}

function areNames(value: unknown): boolean {
  return (
    Array.isArray(value) && value.every((name) => typeof name === "string") && new Set(value).size === value.length
  );
}

function isType(name: unknown): boolean {
  return (TYPE_NAMES as readonly unknown[]).includes(name);
}

function areTypes(value: unknown): boolean {
  return isType(value) || (areNames(value) && (value as unknown[]).length > 0 && (value as unknown[]).every(isType)); // a list, as areNames says
}

function areNamesByName(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(areNames);
}

function unless(holds: boolean, problem: string): string | undefined {
  return holds ? undefined : problem;
}

function textProblem(value: unknown): string | undefined {
  return unless(typeof value === "string", "must be text");
}

type PlainForm = Exclude<KeywordForm, "pattern" | "reference" | "dialect">;

const FORM_PROBLEMS: Readonly<Record<PlainForm, (value: unknown) => string | undefined>> = {
  schema: () => undefined, // the subschema itself is checked
  schemas: (value) => unless(Array.isArray(value) && value.length > 0, "must be a list of at least one schema"),
  "schema or schemas": () => undefined,
  "schemas by name": (value) => unless(isObject(value), "must be an object of schemas"),
  "schemas by pattern": (value) => unless(isObject(value), "must be an object of schemas by pattern"),
  "schema or names by name": (value) =>
    unless(
      isObject(value) && Object.values(value).every((inner) => !Array.isArray(inner) || areNames(inner)),
      "must be an object of schemas or lists of names",
    ),
  "names by name": (value) => unless(areNamesByName(value), "must be an object of lists of different names"),
  names: (value) => unless(areNames(value), "must be a list of different names"),
  types: (value) => unless(areTypes(value), `must be one or more of ${TYPE_NAMES.join(", ")}`),
  count: (value) => unless(isCount(value), "must be a whole number, 0 or more"),
  number: (value) => unless(typeof value === "number", "must be a number"),
  "positive number": (value) => unless(typeof value === "number" && value > 0, "must be a number above 0"),
  text: textProblem,
  "root id": textProblem,
  "yes or no": (value) => unless(typeof value === "boolean", "must be true or false"),
  list: (value) => unless(Array.isArray(value) && !hasRepeats(value), "must be a list without repeated values"),
  anchor: (value) =>
    unless(typeof value === "string" && /^[A-Za-z_][-A-Za-z0-9._]*$/.test(value), "must be a name such as `port`"),
  anything: () => undefined,
  unsupported: () => "is not supported",
};

/** Long lists are looked at by their text alone, so that the time stays bounded. */
function hasRepeats(values: readonly unknown[]): boolean {
  const texts = new Set(values.map((value) => JSON.stringify(value)));
  return (
    texts.size < values.length ||
    (values.length <= 100 && values.some((value, index) => isRepeat(values, value, index)))
  );
}

function isRepeat(values: readonly unknown[], value: unknown, index: number): boolean {
  return values.findIndex((other) => isSameJson(other, value)) < index;
}
