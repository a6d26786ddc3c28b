import type { Issue } from "../errors.ts";
import { jsonPointer } from "../json-text.ts";
import { isObject, namesOf, valueAt, type JsonValue } from "./json-values.ts";
import { isSecret, partsOf, resolveReference, type SchemaObject } from "./schema-parts.ts";

/** Subschemas a configuration is held against once every reference is written out; bounds the work of a validation. */
export const UNFOLDED_LIMIT = 2_000;

export interface DefaultValue {
  /** Names of properties that lead to it. */
  readonly names: readonly string[];
  readonly value: JsonValue;
}

export interface SchemaFacts {
  /** Pointers into the configuration of the properties whose values are secrets, in the order of the schema. */
  readonly secrets: readonly string[];
  /** Outer defaults before inner ones. */
  readonly defaults: readonly DefaultValue[];
  /** What makes the schema unusable here; pointers into the schema. */
  readonly issues: readonly Issue[];
}

interface Walk {
  readonly root: SchemaObject;
  readonly secrets: Set<string>;
  readonly defaults: DefaultValue[];
  readonly issues: Issue[];
  unfolded: number;
}

interface Place {
  /** Where the subschema stands in the schema. */
  readonly at: readonly string[];
  /** Property names that lead to the value it speaks of; undefined where names alone do not lead there. */
  readonly names: readonly string[] | undefined;
  /** Targets of the references that led here. */
  readonly through: readonly unknown[];
  readonly inSecret: boolean;
}

/**
 * What a schema whose keywords are well formed means for the values of a configuration. Secrets and defaults count where
 * named properties alone lead to them, through `$ref` and `allOf` at most: only there it is known before a
 * configuration is seen whether the schema applies.
 */
export function readSchemaFacts(root: SchemaObject): SchemaFacts {
  const walk: Walk = { root, secrets: new Set(), defaults: [], issues: [], unfolded: 0 };
  visit(walk, root, { at: [], names: [], through: [root], inSecret: false });
  if (walk.unfolded > UNFOLDED_LIMIT) {
    const message = `must unfold to at most ${UNFOLDED_LIMIT} subschemas once references are written out`;
    walk.issues.push({ path: "", message });
  }
  walk.issues.push(...walk.defaults.flatMap((given) => secretDefaults(given, walk.secrets)));
  return { secrets: [...walk.secrets], defaults: walk.defaults, issues: walk.issues };
}

function secretDefaults({ names, value }: DefaultValue, secrets: ReadonlySet<string>): Issue[] {
  const outer = jsonPointer(names);
  return [...secrets]
    .filter((secret) => secret === outer || secret.startsWith(`${outer}/`))
    .filter((secret) => valueAt(value, namesOf(secret.slice(outer.length))) !== undefined)
    .map((secret) => ({ path: "", message: `must not give the secret ${secret} a default: a manifest is public` }));
}

function visit(walk: Walk, schema: unknown, place: Place): void {
  walk.unfolded++;
  if (walk.unfolded > UNFOLDED_LIMIT || !isObject(schema)) return;
  const secret = isSecret(schema);
  if (secret && place.names?.length) walk.secrets.add(jsonPointer(place.names));
  else if (secret && !place.inSecret) {
    walk.issues.push({ path: jsonPointer(place.at), message: "a secret must be a property that is named by itself" });
  }
  if (Object.hasOwn(schema, "default") && place.names) {
    walk.defaults.push({ names: place.names, value: schema["default"] as JsonValue }); // part of parsed JSON
  }
  const inSecret = place.inSecret || secret;
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    const target = resolveReference(walk.root, reference);
    if (place.through.includes(target)) {
      const path = jsonPointer([...place.at, "$ref"]);
      walk.issues.push({ path, message: "must not lead back to itself: a configuration has a fixed depth" });
    } else {
      const at = reference.startsWith("#/") ? namesOf(reference.slice(1)) : place.at;
      visit(walk, target, { ...place, at, through: [...place.through, target], inSecret });
    }
  }
  for (const part of partsOf(schema)) {
    if (part.reach === "stored") continue;
    visit(walk, part.schema, { ...inner(place, part), at: [...place.at, ...part.names], inSecret });
  }
}

function inner(place: Place, part: ReturnType<typeof partsOf>[number]): Place {
  const { names } = place;
  if (part.reach === "named" && names) return { ...place, names: [...names, part.names[1] ?? ""] };
  return part.keyword === "allOf" ? place : { ...place, names: undefined };
}
