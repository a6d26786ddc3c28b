import type { Issue } from "../errors.ts";
import { jsonPointer, RESERVED_KEYS } from "../json-text.ts";
import { entryText, WHOLE_CONFIG_NAME } from "./flat-config.ts";
import { isObject } from "./json-values.ts";

/** Configuration of one install in one environment; small, so that a tenant's snapshot stays small. Sizes in bytes of UTF-8. */
export const CONFIG_LIMITS = {
  entries: 100,
  nameBytes: 128,
  /** Of one entry: its text, or its JSON text where it is no string. */
  valueBytes: 8_192,
  totalBytes: 65_536,
  depth: 16,
  /** Objects, lists and plain values together. */
  values: 2_000,
} as const;

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).byteLength;
}

/** @returns what is wrong with a value as a configuration, whatever its schema says; safe for any parsed JSON */
export function configLimitIssues(value: unknown): Issue[] {
  if (!isObject(value)) return [{ path: "", message: "must be an object" }];
  const shape = shapeIssues(value);
  if (shape.length > 0) return shape;
  return sizeIssues(value);
}

interface Place {
  readonly value: unknown;
  readonly names: readonly (string | number)[];
}

/** Walks level by level without recursion: the depth is what is being checked. */
function shapeIssues(root: Readonly<Record<string, unknown>>): Issue[] {
  const issues: Issue[] = [];
  let count = 1;
  let level: readonly Place[] = [{ value: root, names: [] }];
  for (let depth = 0; level.length > 0; depth++) {
    const tooDeep = depth > CONFIG_LIMITS.depth ? level[0] : undefined;
    if (tooDeep) {
      const path = jsonPointer(tooDeep.names.slice(0, 1));
      return [{ path, message: `must not be nested deeper than ${CONFIG_LIMITS.depth} levels` }];
    }
    issues.push(...level.flatMap(textIssues));
    const room = CONFIG_LIMITS.values - count;
    const below = level.flatMap(({ value, names }) => placesIn(value, names, room));
    if (below.length > room) {
      return [{ path: "", message: `must have at most ${CONFIG_LIMITS.values} values; found more` }];
    }
    count += below.length;
    level = below;
  }
  return issues;
}

/** Places of a value's own values, one more than there is room for at most. */
function placesIn(value: unknown, names: Place["names"], room: number): Place[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) {
    return value.slice(0, room + 1).map((inner: unknown, index) => ({ value: inner, names: [...names, index] }));
  }
  return Object.entries(value)
    .slice(0, room + 1)
    .map(([name, inner]): Place => ({ value: inner, names: [...names, name] }));
}

function textIssues({ value, names }: Place): Issue[] {
  const name = names.at(-1);
  const path = jsonPointer(names);
  if (typeof name === "string" && RESERVED_KEYS.has(name)) return [{ path, message: "is a reserved name" }];
  if (names.length === 1 && name === WHOLE_CONFIG_NAME) {
    return [{ path, message: "is the name under which a plugin reads the whole configuration" }];
  }
  if ((typeof name === "string" && !name.isWellFormed()) || (typeof value === "string" && !value.isWellFormed())) {
    return [{ path: path.toWellFormed(), message: "must be well-formed Unicode; found half of a surrogate pair" }];
  }
  if (typeof name === "string" && (name === "" || byteLength(name) > CONFIG_LIMITS.nameBytes)) {
    return [{ path, message: `must have a name of 1 to ${CONFIG_LIMITS.nameBytes} bytes` }];
  }
  return [];
}

function sizeIssues(config: Readonly<Record<string, unknown>>): Issue[] {
  const entries = Object.entries(config);
  if (entries.length > CONFIG_LIMITS.entries) {
    return [{ path: "", message: `must have at most ${CONFIG_LIMITS.entries} entries; found ${entries.length}` }];
  }
  const sizes = entries.map(([name, value]) => ({ name, bytes: byteLength(entryText(value)) }));
  const issues = sizes
    .filter(({ bytes }) => bytes > CONFIG_LIMITS.valueBytes)
    .map(({ name, bytes }) => ({
      path: jsonPointer([name]),
      message: `must be at most ${CONFIG_LIMITS.valueBytes} bytes; found ${bytes}`,
    }));
  const total = sizes.reduce((sum, { name, bytes }) => sum + byteLength(name) + bytes, 0);
  if (total <= CONFIG_LIMITS.totalBytes) return issues;
  const message = `must be at most ${CONFIG_LIMITS.totalBytes} bytes, names and values together; found ${total}`;
  return [...issues, { path: "", message }];
}
