import * as v from "valibot";
import { PlatformError, type ErrorCode } from "../../../../sdk/contract/errors.ts";

/** Requests to a token endpoint, and what its answers mean (RFC 6749). */

/** Where the answer does not say how long its token lives. Seconds. */
const ASSUMED_LIFETIME = 300;
/** A token is not given out when it is about to end. Milliseconds, at most a tenth of its life. */
const MARGIN_MS = 60_000;

/** An OAuth client that the tenant registered for an install. */
export interface OAuthClient {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly grant: "client_credentials" | "refresh_token";
  readonly authentication: "basic" | "post";
  /** Another one for each registration. */
  readonly generation: string;
  /** @throws {PlatformError} VALUE_UNREADABLE */
  secrets(): Promise<{ readonly clientSecret: string; readonly refreshToken: string | null }>;
}

export interface Token {
  readonly accessToken: string;
  readonly tokenType: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly scopes: readonly string[];
}

/** Errors of §5.2, which are all of the answer that is passed on. */
const TOKEN_ERRORS: ReadonlySet<string> = new Set([
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
]);

const TokenAnswer = v.object({
  access_token: v.pipe(v.string(), v.nonEmpty(), v.maxLength(16_384)),
  token_type: v.string(),
  expires_in: v.optional(v.pipe(v.union([v.number(), v.pipe(v.string(), v.decimal())]), v.transform(Number))),
  refresh_token: v.optional(v.string()),
  scope: v.optional(v.string()),
});

/**
 * The scopes that a token is asked for.
 *
 * @throws {PlatformError} GRANT_MISSING for one that the client is not registered with
 */
export function scopesFor({ scopes }: Pick<OAuthClient, "scopes">, asked: readonly string[] | undefined): string[] {
  if (!asked) return [...scopes];
  const foreign = asked.find((scope) => !scopes.includes(scope));
  if (foreign === undefined) return [...new Set(asked)].sort();
  throw new PlatformError(
    "GRANT_MISSING",
    `The OAuth client is not registered with the scope ${JSON.stringify(foreign)}.`,
  );
}

/** @param refreshToken  of the refresh_token grant */
export function tokenRequest(
  client: OAuthClient,
  clientSecret: string,
  scopes: readonly string[],
  refreshToken: string | undefined,
): { readonly headers: Record<string, string>; readonly body: string } {
  const form = new URLSearchParams({ grant_type: client.grant });
  if (scopes.length > 0) form.set("scope", scopes.join(" "));
  if (refreshToken !== undefined) form.set("refresh_token", refreshToken);
  const headers: Record<string, string> = {
    "content-type": "application/x-www-form-urlencoded",
    accept: "application/json",
    "user-agent": "Patchbay",
  };
  if (client.authentication === "basic") {
    // §2.3.1: each part is form-encoded before it is joined.
    headers["authorization"] = `Basic ${btoa(`${formEncoded(client.clientId)}:${formEncoded(clientSecret)}`)}`;
  } else {
    form.set("client_id", client.clientId);
    form.set("client_secret", clientSecret);
  }
  return { headers, body: form.toString() };
}

function formEncoded(text: string): string {
  return new URLSearchParams({ a: text }).toString().slice(2);
}

/**
 * @param now  milliseconds since the epoch, from before the request
 * @returns the token with the refresh token that takes the old one's place, or why there is none
 */
export function readTokenAnswer(
  status: number,
  text: string,
  scopes: readonly string[],
  now: number,
): { readonly token: Token; readonly refreshToken: string | undefined } | Refusal {
  if (status >= 500 || status === 429) {
    return { code: "UPSTREAM_UNREACHABLE", message: `The token endpoint answered ${status}.` };
  }
  const json = parsed(text);
  if (status !== 200) {
    const error = v.safeParse(v.object({ error: v.string() }), json);
    const known = error.success && TOKEN_ERRORS.has(error.output.error) ? `: ${error.output.error}` : "";
    return { code: "UPSTREAM_REFUSED", message: `The token endpoint answered ${status}${known}.` };
  }
  const answer = v.safeParse(TokenAnswer, json);
  if (!answer.success) return { code: "UPSTREAM_REFUSED", message: "The token endpoint's answer holds no token." };
  const { access_token, token_type, expires_in = ASSUMED_LIFETIME, refresh_token, scope } = answer.output;
  const granted = scope === undefined ? scopes : scope.split(" ").filter((name) => name !== "");
  const expiresAt = now + Math.max(0, expires_in) * 1000;
  return {
    token: { accessToken: access_token, tokenType: token_type, expiresAt, scopes: granted },
    refreshToken: refresh_token,
  };
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Until when the token is given out. */
export function keptUntil({ expiresAt }: Token, now: number): number {
  return expiresAt - Math.min(MARGIN_MS, Math.round((expiresAt - now) / 10));
}
