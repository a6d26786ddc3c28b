/** JSON values as configurations are made of them, and the few operations on them that more than one file needs. */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return isObject(value);
}

/** Own entries only: names such as `constructor` are no entries of an empty object. */
export function entryOf<Value>(object: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Equal content, whatever the order of names. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isSameJson(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return a === b;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSameJson(a[name], b[name]))
  );
}

/** The base with what lies over it: objects are merged name by name, any other value replaces. */
export function overlay(base: JsonObject, over: JsonObject): JsonObject {
  const merged = Object.entries(over).map(([name, value]): [string, JsonValue] => {
    const below = entryOf(base, name);
    return [name, isJsonObject(below) && isJsonObject(value) ? overlay(below, value) : value];
  });
  return Object.fromEntries([...Object.entries(base), ...merged]);
}

/** JSON Merge Patch (RFC 7396): null removes, objects are patched name by name, any other value replaces. */
export function mergePatch(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch;
  const result = new Map<string, JsonValue>(isJsonObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, mergePatch(result.get(name), value));
  }
  return Object.fromEntries(result);
}

/** Names of a JSON pointer (RFC 6901); `""` is the whole. */
export function namesOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The value under names of objects, or undefined. Lists are not entered. */
export function valueAt(root: JsonValue | undefined, names: readonly string[]): JsonValue | undefined {
  return names.reduce<JsonValue | undefined>(
    (value, name) => (isJsonObject(value) ? entryOf(value, name) : undefined),
    root,
  );
}

/**
 * The object with a value set, replaced or (undefined) removed under names of objects. Missing objects on the way are
 * made; where something other than an object is on the way nothing changes.
 */
export function withValueAt(root: JsonObject, names: readonly string[], value: JsonValue | undefined): JsonObject {
  const [name, ...rest] = names;
  if (name === undefined) return isJsonObject(value) ? value : root;
  const entries = new Map(Object.entries(root));
  const known = entries.get(name);
  if (rest.length === 0) {
    if (value === undefined) entries.delete(name);
    else entries.set(name, value);
  } else if (isJsonObject(known) || (known === undefined && value !== undefined)) {
    entries.set(name, withValueAt(isJsonObject(known) ? known : {}, rest, value));
  }
  return Object.fromEntries(entries);
}
