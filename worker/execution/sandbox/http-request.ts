import type { HostAnswer, UserFunction } from "../../../sdk/contract/user-functions.ts";

/**
 * Extism's own `http_request` on top of `http_send`. It has no way to report an error, so a request that is not answered ends
 * the call, as it does under the reference host.
 */

/** What the guest may ask for afterwards, with `http_status_code` and `http_headers`. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export type HttpOutcome = { readonly response: HttpResponse } | { readonly failure: string };

export type Ask = (name: UserFunction, request: Uint8Array, body: Uint8Array | undefined) => Promise<HostAnswer>;

/**
 * @param request  JSON of Extism: `{ url, method?, headers? }`; old plugins say `header`
 * @returns the response, or why there is none
 */
export async function httpRequest(ask: Ask, request: Uint8Array, body: Uint8Array | undefined): Promise<HttpOutcome> {
  const { answer, body: bytes } = await ask("http_send", modern(request), body);
  const parsed = JSON.parse(new TextDecoder().decode(answer)) as
    | { readonly value: { readonly status: number; readonly headers: Readonly<Record<string, string>> } }
    | { readonly error: { readonly message: string } }; // written by the worker
  if ("error" in parsed) return { failure: parsed.error.message };
  return { response: { ...parsed.value, body: bytes ?? new Uint8Array() } };
}

/** Anything but an object is left for the worker to refuse. */
function modern(request: Uint8Array): Uint8Array {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(request));
    if (typeof parsed !== "object" || parsed === null || !("header" in parsed)) return request;
    const { header, ...rest } = parsed;
    return new TextEncoder().encode(JSON.stringify({ headers: header, ...rest }));
  } catch {
    return request;
  }
}
