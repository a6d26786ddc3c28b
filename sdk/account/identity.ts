/** What a token or an API key says of its bearer. Nothing of it is proved here: the platform does that. */
export interface Identity {
  readonly kind: "token" | "API key";
  readonly tenant: string | undefined;
  readonly subject: string | undefined;
  readonly roles: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
}

const API_KEY = /^pbk_([a-z0-9-]+)_([0-9A-Z]{26})_/;

/** @param text  a JSON web token (RFC 7519) or an API key */
export function identityOf(text: string): Identity {
  const key = API_KEY.exec(text);
  if (key) return { kind: "API key", tenant: key[1], subject: key[2], roles: [], expiresAt: undefined };
  const { tenant, sub, roles, exp } = claimsOf(text);
  return {
    kind: "token",
    tenant: typeof tenant === "string" ? tenant : undefined,
    subject: typeof sub === "string" ? sub : undefined,
    roles: Array.isArray(roles) ? roles.filter((role) => typeof role === "string") : [],
    expiresAt: typeof exp === "number" ? exp * 1000 : undefined,
  };
}

/** Nothing where it is no such token. */
function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null ? (claims as Readonly<Record<string, unknown>>) : {}; // an object of JSON
  } catch {
    return {};
  }
}
