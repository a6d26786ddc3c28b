import { countedFor, SchemaTooCostly } from "../config/prepared-schema.ts";
import { isObject, type JsonValue } from "../config/json-values.ts";
import type { SchemaObject } from "../config/schema-parts.ts";
import { problemsOf } from "../config/validate-config.ts";
import type { Issue } from "../errors.ts";
import type { SandboxFailure } from "../sandbox.ts";
import { contentTypeOf, isJsonType, type Payload } from "./payload-fields.ts";
import { selfContained } from "./description-rules.ts";
import type { ValidationMode } from "./validation-modes.ts";

/** What an install's calls are held against. */
export interface Validation {
  readonly mode: Exclude<ValidationMode, "off">;
  readonly functions: Readonly<Record<string, { readonly input?: Payload; readonly output?: Payload }>>;
  readonly types?: Readonly<Record<string, SchemaObject>>;
}

/**
 * Work of one check, so that no schema and no payload keeps a worker busy: subschemas that a value is held against, each counted
 * with what it compares. Some tenths of a second at most.
 */
export const VALIDATION_STEPS = 100_000;
const PAYLOAD_DEPTH = 64;
const ISSUES_SHOWN = 20;

/**
 * What of an input or output does not fit its description. Says of values what they are, never what they hold: it goes to records and
 * logs. What the description says nothing of fits.
 *
 * @param side  checked only where the mode says so
 * @returns problems with JSON pointers into the payload, at most 20
 */
export function payloadIssues(
  { mode, functions, types }: Validation,
  functionName: string,
  side: "input" | "output",
  bytes: Uint8Array | undefined,
): Issue[] {
  if (mode !== "both" && mode !== side) return [];
  const payload = Object.hasOwn(functions, functionName) ? functions[functionName]?.[side] : undefined;
  return payload ? issuesOf(payload, types, bytes ?? new Uint8Array()) : [];
}

function issuesOf(payload: Payload, types: Validation["types"], bytes: Uint8Array): Issue[] {
  const contentType = contentTypeOf(payload);
  if (contentType === undefined) return [];
  const isJson = isJsonType(contentType);
  if (!isJson && !contentType.startsWith("text/")) return [];
  const text = decode(bytes);
  if (text === undefined) return [whole("must be text in UTF-8 (contentType); found other bytes")];
  if (!isJson) return [];
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue; // what JSON.parse makes
  } catch {
    return [whole(`must be JSON (contentType); found ${text === "" ? "nothing" : "other text"}`)];
  }
  return payload.schema ? valueIssues(selfContained(payload.schema, types), value) : [];
}

/** @param schema  that stands by itself, and that `descriptionIssues` has nothing against */
export function valueIssues(schema: SchemaObject, value: JsonValue): Issue[] {
  if (isDeep(value)) return [whole(`must not be nested deeper than ${PAYLOAD_DEPTH} levels`)];
  try {
    const prepared = countedFor(schema, value, VALIDATION_STEPS);
    return problemsOf(schema, prepared, value).slice(0, ISSUES_SHOWN);
  } catch (error) {
    if (error instanceof SchemaTooCostly) return [whole(`must be checked in ${VALIDATION_STEPS} steps; it takes more`)];
    throw error;
  }
}

function whole(message: string): Issue {
  return { path: "", message };
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Walks level by level without recursion: the depth is what is being checked. */
function isDeep(root: JsonValue): boolean {
  let level: readonly unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > PAYLOAD_DEPTH) return true;
    const below: unknown[] = [];
    for (const value of level) {
      if (!Array.isArray(value) && !isObject(value)) continue;
      for (const inner of Object.values(value)) below.push(inner);
    }
    level = below;
  }
  return false;
}

/** Why a call fails whose input or output does not fit; undefined where it does. */
export function payloadFailure(
  validation: Validation,
  functionName: string,
  side: "input" | "output",
  bytes: Uint8Array | undefined,
): SandboxFailure | undefined {
  const issues = payloadIssues(validation, functionName, side, bytes);
  const [first] = issues;
  if (!first) return undefined;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return {
    code: side === "input" ? "INPUT_INVALID" : "OUTPUT_INVALID",
    detail: `The ${side} does not fit: ${first.path === "" ? "it" : first.path} ${first.message}${more}.`,
    issues,
  };
}
