import type { Issue } from "./errors.ts";

/**
 * JSON text as manifests need it: UTF-8 without surprises, and no key twice. `JSON.parse` silently keeps the last of
 * two equal keys, so that a reviewer and the platform could read different manifests.
 */

/** Keys that change an object's prototype in careless code; no manifest and no configuration needs them. */
export const RESERVED_KEYS = new Set(["__proto__", "constructor", "prototype"]);

export const JSON_MAX_DEPTH = 32;

export type JsonReading = { readonly value: unknown } | { readonly issues: readonly Issue[] };

/** JSON pointer (RFC 6901) of a path of keys. */
export function jsonPointer(keys: readonly unknown[]): string {
  return keys.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/**
 * Parses UTF-8 JSON strictly.
 *
 * @returns the value, or every reason why the text is refused, each with the JSON pointer of the place
 */
export function readJson(bytes: Uint8Array): JsonReading {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return refused("starts with a byte order mark; save the file as UTF-8 without one");
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return refused("is UTF-16; save the file as UTF-8");
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refused("is not valid UTF-8");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refused(`is not valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const issues = keyIssues(text);
  return issues.length > 0 ? { issues } : { value };
}

function refused(message: string): JsonReading {
  return { issues: [{ path: "", message }] };
}

interface Container {
  /** Keys seen so far; undefined for an array. */
  readonly keys: Set<string> | undefined;
  /** Key or index of the value being read. */
  current: string | number;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** Walks the tokens of valid JSON text and reports repeated keys, reserved keys and excessive depth. */
function keyIssues(text: string): Issue[] {
  const issues: Issue[] = [];
  const stack: Container[] = [];
  let pendingKey: string | undefined;
  for (const [token] of text.matchAll(TOKEN)) {
    const top = stack.at(-1);
    if (token === "{" || token === "[") {
      stack.push({ keys: token === "{" ? new Set() : undefined, current: token === "{" ? "" : 0 });
      if (stack.length > JSON_MAX_DEPTH) {
        return [
          ...issues,
          { path: pointerOf(stack.slice(0, -1)), message: `is nested deeper than ${JSON_MAX_DEPTH} levels` },
        ];
      }
    } else if (token === "}" || token === "]") {
      stack.pop();
    } else if (token === "," && top && typeof top.current === "number") {
      top.current++;
    } else if (token === ":" && top?.keys && pendingKey !== undefined) {
      top.current = pendingKey;
      const message = keyProblem(pendingKey, top.keys);
      if (message !== undefined) issues.push({ path: pointerOf(stack), message });
      top.keys.add(pendingKey);
    }
    pendingKey = token.startsWith('"') ? String(JSON.parse(token)) : undefined;
  }
  return issues;
}

function keyProblem(key: string, seen: ReadonlySet<string>): string | undefined {
  if (RESERVED_KEYS.has(key)) return "is a reserved key";
  return seen.has(key) ? "appears twice in the same object" : undefined;
}

function pointerOf(stack: readonly Container[]): string {
  return jsonPointer(stack.map((container) => container.current));
}
