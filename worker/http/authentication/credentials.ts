import { PlatformError } from "../../../sdk/contract/errors.ts";
import { API_KEY_PREFIX } from "../../control/keys/rules.ts";

/** Longer tokens are refused unread: what is kept in memory and parsed has a bound. Characters. */
const CREDENTIAL_LENGTH = 8192;
const BEARER = /^bearer +(?<token>[A-Za-z0-9\-._~+/]+=*) *$/i;

export interface Credentials {
  readonly kind: "token" | "key";
  readonly text: string;
}

/**
 * What a request offers as proof: `Authorization: Bearer` (RFC 6750 §2.1) with a token or a key, else `x-api-key`.
 *
 * @throws {PlatformError} AUTHENTICATION_REQUIRED where nothing is offered, TOKEN_INVALID where it has no known form
 */
export function credentialsOf(headers: Headers): Credentials {
  const authorization = headers.get("authorization");
  if (authorization !== null) return classify(bearerOf(authorization));
  const key = headers.get("x-api-key");
  if (key === null) {
    throw new PlatformError("AUTHENTICATION_REQUIRED", "Send `Authorization: Bearer` with a token or an API key.");
  }
  if (!key.startsWith(API_KEY_PREFIX))
    throw new PlatformError("TOKEN_INVALID", "The `x-api-key` header holds no API key.");
  return classify(key);
}

function bearerOf(authorization: string): string {
  const token = BEARER.exec(authorization)?.groups?.["token"];
  if (token === undefined) {
    throw new PlatformError(
      "AUTHENTICATION_REQUIRED",
      "The `Authorization` header is not of the form `Bearer <token>`.",
    );
  }
  return token;
}

function classify(text: string): Credentials {
  if (text.length > CREDENTIAL_LENGTH) {
    throw new PlatformError(
      "TOKEN_INVALID",
      `The token has ${text.length} characters; ${CREDENTIAL_LENGTH} are allowed.`,
    );
  }
  return { kind: text.startsWith(API_KEY_PREFIX) ? "key" : "token", text };
}
