import * as v from "valibot";
import type { MiddlewareOffer } from "../../../sdk/contract/offers.ts";
import type { Snapshot } from "../../execution/snapshot.ts";

/** What middleware sees of a request, what it may answer, and which of it sees what. */

/** What is called: a plugin's function, a hook, a plugin's HTTP endpoint, or its function for another service's webhook. */
export type CallKind = "execute" | "hook" | "endpoint" | "webhook";

export interface Visit {
  readonly kind: CallKind;
  /** `/execute/<plugin>/<function>`, `/hooks/<hook>`, `/run/<plugin>/<path>` or `/hooks-in/<plugin>/<name>`. */
  readonly path: string;
  /** Plugin that is called; absent for a hook. */
  readonly pluginId?: string;
  readonly functionName?: string;
}

export type Point = "request" | "response";

/** Most notes of one request, and characters of each. */
const MOST_ANNOTATIONS = 20;
const ANNOTATION_LENGTH = 500;

/** What the middleware refuses is the caller's matter. */
const STATUS = "status: must be a whole number from 400 to 499";

const text = v.pipe(v.string(), v.maxLength(ANNOTATION_LENGTH));
const annotations = v.optional(
  v.pipe(
    v.record(v.pipe(v.string(), v.regex(/^[a-z][a-zA-Z0-9.-]{0,63}$/)), text),
    v.check((notes) => Object.keys(notes).length <= MOST_ANNOTATIONS, `must have at most ${MOST_ANNOTATIONS} entries`),
  ),
);
const content = { text: v.optional(v.string()), base64: v.optional(v.pipe(v.string(), v.base64())) };

const Answer = v.variant("action", [
  v.strictObject({ action: v.literal("continue"), annotations }),
  v.strictObject({ action: v.literal("replace"), annotations, json: v.optional(v.unknown()), ...content }),
  v.strictObject({
    action: v.literal("refuse"),
    message: v.optional(text),
    code: v.optional(text),
    status: v.optional(v.pipe(v.number(STATUS), v.integer(STATUS), v.minValue(400, STATUS), v.maxValue(499, STATUS))),
  }),
]);

export type MiddlewareAnswer = v.InferOutput<typeof Answer>;

/** Middleware that sees the visit at a point, in order. A plugin's middleware does not see calls of the plugin itself. */
export function middlewareFor(snapshot: Snapshot, point: Point, visit: Visit): readonly MiddlewareOffer[] {
  const all = snapshot.offers?.middleware?.[point] ?? [];
  return all.filter(
    ({ pluginId, paths }) =>
      pluginId !== visit.pluginId && (paths === undefined || paths.some((pattern) => matchesPath(pattern, visit.path))),
  );
}

/** `*` stands for one segment, at the end for one or more. */
export function matchesPath(pattern: string, path: string): boolean {
  const [wanted, found] = [pattern.split("/"), path.split("/")];
  const isOpen = wanted.at(-1) === "*";
  if (isOpen ? found.length < wanted.length : found.length !== wanted.length) return false;
  return wanted.every((segment, index) => segment === "*" || segment === found[index]);
}

/** @returns the answer, or what is wrong with it. No output lets the request pass as it is. */
export function readAnswer(output: Uint8Array | undefined): MiddlewareAnswer | { readonly problem: string } {
  if (!output || output.byteLength === 0) return { action: "continue" };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(output));
  } catch {
    return { problem: "The answer is not JSON in UTF-8." };
  }
  const result = v.safeParse(Answer, value);
  if (!result.success) return { problem: `The answer is not valid: ${result.issues[0].message}` };
  const answer = result.output;
  if (answer.action !== "replace") return answer;
  const given = [answer.json, answer.text, answer.base64].filter((part) => part !== undefined).length;
  return given === 1 ? answer : { problem: "A replacement has exactly one of `json`, `text` and `base64`." };
}

/** The bytes that a replacement puts in place. */
export function replacementOf({
  json,
  text: plain,
  base64,
}: Extract<MiddlewareAnswer, { action: "replace" }>): Uint8Array {
  if (base64 !== undefined) return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new TextEncoder().encode(plain ?? JSON.stringify(json));
}

/** Bytes as a plugin reads them in JSON: text where they are UTF-8, else base64. */
export function contentOf(bytes: Uint8Array): { readonly text: string } | { readonly base64: string } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: encodeBase64(bytes) };
  }
}

function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  const step = 8_192; // arguments of one call are bounded
  for (let offset = 0; offset < bytes.length; offset += step) {
    binary += String.fromCharCode(...bytes.subarray(offset, offset + step));
  }
  return btoa(binary);
}
