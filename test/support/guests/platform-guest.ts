import type { Grants } from "../../../sdk/contract/grants.ts";
import type { UserFunction } from "../../../sdk/contract/user-functions.ts";
import { openGuest, text } from "./guest-isolate.ts";
import type { CallOptions } from "./sandbox-call.ts";

/** The plugin that calls every function of the platform, in an isolate of its own. */
const guest = openGuest("platform");

export interface Answer {
  readonly value?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: string; readonly message: string };
}

export type AskOptions = Omit<CallOptions, "input">;

/** The answer's JSON to one call of a capability function. */
export async function ask(
  name: UserFunction,
  request: object,
  grants: Grants,
  body: string | Uint8Array = "",
  options: AskOptions = {},
): Promise<Answer> {
  const outcome = await guest.call(name, { ...options, input: platformInput(request, body) }, grants);
  if (outcome.failure) throw new Error(`${outcome.failure.code}: ${outcome.failure.detail}`);
  return JSON.parse(text(outcome.output) ?? "") as Answer; // compared field by field
}

/** The bytes that came with the answer. */
export async function askBody(
  name: UserFunction,
  request: object,
  grants: Grants,
  body: string | Uint8Array = "",
  options: AskOptions = {},
): Promise<Uint8Array | undefined> {
  return (await guest.call(`${name}_body`, { ...options, input: platformInput(request, body) }, grants)).output;
}

/** How the plugin ends that gives up with the answer as its error. */
export async function askOrFail(name: UserFunction, request: object, grants: Grants): Promise<string | undefined> {
  return (await guest.call(`${name}_or_fail`, { input: platformInput(request, "") }, grants)).failure?.code;
}

/** Length of the request, the request, the body. */
export function platformInput(request: object, body: string | Uint8Array): Uint8Array {
  const first = new TextEncoder().encode(JSON.stringify(request));
  const second = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const input = new Uint8Array(4 + first.byteLength + second.byteLength);
  new DataView(input.buffer).setUint32(0, first.byteLength, true);
  input.set(first, 4);
  input.set(second, 4 + first.byteLength);
  return input;
}
