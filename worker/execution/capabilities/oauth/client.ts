import * as v from "valibot";
import type { Made, Write } from "../../../../durable-objects/plugin-storage/rules.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { HostContext } from "../capability.ts";
import { upstreamError } from "../http/egress.ts";
import { namedDestination, type Destination } from "../http/grant.ts";
import { sealContext, stubOf } from "../storage/host.ts";
import { keptUntil, readTokenAnswer, tokenRequest, type OAuthClient, type Token } from "./rules.ts";

/** Tokens of an install: kept sealed in its storage object, which also sees to it that one is got at a time. */

const SPACE = "tokens";
const TIMEOUT_MS = 10_000;
const ANSWER_BYTES = 64 * 1024;
/** Tries where whoever got the token for all was cut off. */
const TRIES = 2;

const StoredToken = v.object({
  accessToken: v.string(),
  tokenType: v.string(),
  expiresAt: v.number(),
  scopes: v.array(v.string()),
});

/** @throws {PlatformError} UPSTREAM_UNREACHABLE, UPSTREAM_TIMED_OUT, UPSTREAM_REFUSED, EGRESS_REFUSED, VALUE_UNREADABLE */
export async function tokenOf(
  context: HostContext,
  provider: string,
  client: OAuthClient,
  scopes: readonly string[],
): Promise<Token> {
  const { values, clock, defer } = context.services;
  const lock = `${provider} ${client.generation}`;
  const key = `${lock} ${scopes.join(" ")}`;
  const make = async (): Promise<Made> => {
    const making = makeToken(context, client, { lock, key, scopes });
    // A refresh token that was used must be followed by the new one, whatever becomes of the plugin's call.
    defer(making.catch(() => undefined));
    return making;
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const made = await stubOf(context).once(SPACE, key, lock, clock.now(), make);
      if ("code" in made) throw new PlatformError(made.code, made.message);
      return await openToken(values, made.value, sealContext(context, SPACE, key));
    } catch (error) {
      if (error instanceof PlatformError || attempt === TRIES) throw error;
    }
  }
}

async function openToken(
  values: HostContext["services"]["values"],
  sealed: Uint8Array,
  context: readonly string[],
): Promise<Token> {
  return v.parse(StoredToken, JSON.parse(new TextDecoder().decode(await values.open(sealed, context))));
}

interface Wanted {
  /** Of the client, for its refresh token. */
  readonly lock: string;
  /** Of the token. */
  readonly key: string;
  readonly scopes: readonly string[];
}

/** Failures are values: an error would lose its code on the way through the object. */
async function makeToken(context: HostContext, client: OAuthClient, { lock, key, scopes }: Wanted): Promise<Made> {
  const { clock } = context.services;
  const now = clock.now();
  try {
    const secrets = await client.secrets();
    const refreshToken =
      client.grant === "refresh_token" ? ((await rotatedToken(context, lock)) ?? secrets.refreshToken) : null;
    const request = tokenRequest(client, secrets.clientSecret, scopes, refreshToken ?? undefined);
    const { status, text } = await post(context, namedDestination(client.tokenUrl), request);
    const answer = readTokenAnswer(status, text, scopes, now);
    if ("code" in answer) return answer;
    const { token } = answer;
    const kept = await write(context, key, token, keptUntil(token, now));
    if (client.grant !== "refresh_token" || answer.refreshToken === undefined) return { writes: [kept] };
    return { writes: [kept, await write(context, lock, answer.refreshToken, null)] };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { code: error.code, message: error.message };
  }
}

async function write(context: HostContext, key: string, content: unknown, expiresAt: number | null): Promise<Write> {
  const bytes = new TextEncoder().encode(JSON.stringify(content));
  const value = await context.services.values.seal(bytes, sealContext(context, SPACE, key));
  return { key, value, expiresAt, ifRevision: undefined };
}

/** The refresh token that took the registered one's place. */
async function rotatedToken(context: HostContext, lock: string): Promise<string | undefined> {
  const found = await stubOf(context).get(SPACE, lock, context.services.clock.now());
  if (!found) return undefined;
  const bytes = await context.services.values.open(found.value, sealContext(context, SPACE, lock));
  return v.parse(v.string(), JSON.parse(new TextDecoder().decode(bytes)));
}

async function post(
  { services, note }: HostContext,
  destination: Destination,
  { headers, body }: { readonly headers: Record<string, string>; readonly body: string },
): Promise<{ readonly status: number; readonly text: string }> {
  note(destination.scope);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await services.egress.send(destination, { method: "POST", headers, body, signal });
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const piece of response.body ?? []) {
      text += decoder.decode(piece, { stream: true });
      if (text.length > ANSWER_BYTES)
        throw new PlatformError("UPSTREAM_REFUSED", "The token endpoint's answer is too large.");
    }
  } catch (cause) {
    throw upstreamError(cause, destination, signal);
  }
  return { status: response.status, text };
}
