import { schemaFormIssues } from "../config/check-schema.ts";
import { isObject } from "../config/json-values.ts";
import { partsOf, resolveReference, type SchemaObject } from "../config/schema-parts.ts";
import type { Issue } from "../errors.ts";
import { jsonPointer } from "../json-text.ts";
import type { Payload } from "./payload-fields.ts";

/** What the manifest says of functions, messages and their types. */
export interface PluginTypes {
  readonly functions?: Readonly<Record<string, { readonly input?: Payload; readonly output?: Payload }>> | undefined;
  readonly types?: Readonly<Record<string, SchemaObject>> | undefined;
  readonly events: {
    readonly publishes: readonly string[];
    readonly subscribes: readonly { readonly topic: string }[];
    readonly messages?: Readonly<Record<string, { readonly schema?: SchemaObject }>> | undefined;
  };
}

const NOTHING = {};
const SHARED = "#/$defs/";

/**
 * What is wrong with the schemas of a manifest, with JSON pointers into it: keywords whose values are none, references that lead
 * out of the manifest or nowhere, or back to themselves without going into the value.
 */
export function descriptionIssues({ functions = {}, types = {}, events }: PluginTypes): Issue[] {
  const { messages = {} } = events;
  const names = new Set(Object.keys(types));
  return [
    ...typeIssues(types),
    ...Object.entries(functions).flatMap(([name, { input, output }]) => [
      ...schemaIssuesAt(["functions", name, "input", "schema"], input?.schema, names),
      ...schemaIssuesAt(["functions", name, "output", "schema"], output?.schema, names),
    ]),
    ...Object.entries(messages).flatMap(([topic, message]) => [
      ...topicIssues(topic, events),
      ...schemaIssuesAt(["events", "messages", topic, "schema"], message.schema, names),
    ]),
  ];
}

function topicIssues(topic: string, { publishes, subscribes }: PluginTypes["events"]): Issue[] {
  if (publishes.includes(topic) || subscribes.some((entry) => entry.topic === topic)) return [];
  const message = "must be one of the topics in `publishes` and `subscribes`, written alike";
  return [{ path: jsonPointer(["events", "messages", topic]), message }];
}

/** Types are one schema, in which each is a definition: they may refer to each other. */
function typeIssues(types: Readonly<Record<string, SchemaObject>>): Issue[] {
  const root = { $defs: types };
  const own = Object.entries(types).flatMap(([name, schema]) =>
    ["$defs", "definitions", "$schema", "$id"]
      .filter((keyword) => Object.hasOwn(schema, keyword))
      .map((keyword) => ({
        path: jsonPointer(["types", name, keyword]),
        message: "must not be in a type: definitions are types themselves, in JSON Schema 2020-12",
      })),
  );
  const issues = own.length > 0 ? own : [...schemaFormIssues(root), ...endlessIssues(root)];
  return issues.map(({ path, message }) => ({ path: path.replace(/^\/\$defs(?=\/|$)/, "/types"), message }));
}

/**
 * The shared types stand for themselves as `true`: they are checked by themselves, and refer to nothing but each other. So the work
 * does not grow with schemas times types.
 */
function schemaIssuesAt(
  at: readonly string[],
  schema: SchemaObject | undefined,
  types: ReadonlySet<string>,
): readonly Issue[] {
  if (schema === undefined) return [];
  const own = isObject(schema["$defs"]) ? schema["$defs"] : NOTHING;
  const repeated = Object.keys(own).find((name) => types.has(name));
  if (repeated !== undefined) {
    const message = "has the name of one of the manifest's `types`";
    return [{ path: jsonPointer([...at, "$defs", repeated]), message }];
  }
  const shared = Object.fromEntries([...types].map((name) => [name, true] as const));
  const root = Object.hasOwn(schema, "$defs") && own === NOTHING ? schema : withDefinitions(schema, shared, own);
  const issues = schemaFormIssues(root);
  return [...issues, ...(issues.length > 0 ? [] : endlessIssues(root))].map(({ path, message }) => ({
    path: jsonPointer(at) + path,
    message,
  }));
}

function withDefinitions(schema: SchemaObject, shared: SchemaObject, own: SchemaObject): SchemaObject {
  return Object.keys(shared).length === 0 ? schema : { ...schema, $defs: { ...shared, ...own } };
}

/**
 * A schema with those of the manifest's types that it leads to among its definitions, so that it stands by itself.
 *
 * @param schema  of a manifest that `descriptionIssues` has nothing against
 */
export function selfContained(schema: SchemaObject, types: Readonly<Record<string, SchemaObject>> = {}): SchemaObject {
  const found = new Map<string, SchemaObject>();
  const pending: unknown[] = [schema];
  while (pending.length > 0) {
    const current = pending.pop();
    if (!isObject(current)) continue;
    const reference = current["$ref"];
    const name = typeof reference === "string" && reference.startsWith(SHARED) ? reference.slice(SHARED.length) : "";
    const type = Object.hasOwn(types, name) ? types[name] : undefined;
    if (type && !found.has(name)) {
      found.set(name, type);
      pending.push(type);
    }
    pending.push(...partsOf(current).map((part) => part.schema));
  }
  const own = isObject(schema["$defs"]) ? schema["$defs"] : NOTHING;
  return withDefinitions(schema, Object.fromEntries(found), own);
}

/** Subschemas that speak of a value only by way of themselves: no value could ever be held against them. */
function endlessIssues(root: SchemaObject): Issue[] {
  const ended = new Set<SchemaObject>();
  const issues: Issue[] = [];
  const follow = (schema: unknown, under: readonly SchemaObject[], at: readonly string[]): void => {
    if (!isObject(schema) || ended.has(schema)) return;
    if (under.includes(schema)) {
      issues.push({ path: jsonPointer(at), message: "must not lead back to itself without going into the value" });
      return;
    }
    const within = [...under, schema];
    if (typeof schema["$ref"] === "string") follow(resolveReference(root, schema["$ref"]), within, [...at, "$ref"]);
    for (const part of partsOf(schema)) {
      if (part.reach === "same") follow(part.schema, within, [...at, ...part.names]);
    }
    ended.add(schema);
  };
  const all: { readonly schema: unknown; readonly at: readonly string[] }[] = [{ schema: root, at: [] }];
  for (const { schema, at } of all) {
    if (!isObject(schema)) continue;
    follow(schema, [], at);
    all.push(...partsOf(schema).map((part) => ({ schema: part.schema, at: [...at, ...part.names] })));
  }
  return issues;
}
