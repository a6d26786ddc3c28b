import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  jwtVerify,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
  type ProtectedHeaderParameters,
} from "jose";
import * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { TENANT_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { isRole, type Role } from "../../../sdk/contract/roles.ts";
import type { Issuer } from "./issuers.ts";
import { VerifiedTokens } from "./verified-tokens.ts";

/** What a token says of its bearer, once its signature, issuer, audience and times are verified. */
export interface VerifiedClaims {
  readonly tenantId: string;
  readonly subject: string;
  /** Absent where the token has no roles claim: the tenant's list of members decides. */
  readonly roles: readonly Role[] | undefined;
}

/** A verified token is used again without a check for at most this long. */
const REUSE_MS = 60_000;
const TYPES: ReadonlySet<string> = new Set(["jwt", "at+jwt"]);

const Claims = v.object({
  sub: v.pipe(v.string(), v.nonEmpty(), v.maxLength(255)),
  exp: v.number(),
  tenant: v.pipe(v.string(), v.regex(TENANT_ID_PATTERN)),
  roles: v.optional(v.array(v.string())),
  role: v.optional(v.string()),
});

interface TrustedIssuer {
  readonly issuer: Issuer;
  readonly keys: JWTVerifyGetKey;
}

/** Verifies JSON Web Tokens (RFC 7519) of a fixed list of issuers. One per isolate; holds keys and verified claims. */
export class TokenVerifier {
  readonly #issuers: ReadonlyMap<string, TrustedIssuer>;
  readonly #verified = new VerifiedTokens<VerifiedClaims>();

  /** @param fetchKeys  how key sets are fetched; absent: the runtime's fetch */
  constructor(issuers: readonly Issuer[], fetchKeys?: FetchImplementation) {
    this.#issuers = new Map(issuers.map((issuer) => [issuer.issuer, { issuer, keys: keysOf(issuer, fetchKeys) }]));
  }

  /**
   * @param token  compact JWS, at most the credentials' length limit
   * @param now    milliseconds since the epoch
   * @throws {PlatformError} TOKEN_INVALID, or NOT_READY where the issuer's keys cannot be fetched
   */
  async verify(token: string, now: number): Promise<VerifiedClaims> {
    const known = this.#verified.get(token, now);
    if (known) return known;
    const { issuer, keys } = this.#issuerOf(token);
    const { payload, protectedHeader } = await verifySignature(token, issuer, keys, now);
    const { claims, expiresAt } = readClaims(payload, protectedHeader);
    this.#verified.set(token, claims, Math.min(expiresAt, now + REUSE_MS));
    return claims;
  }

  /** The claim is not yet verified: it only chooses whose keys must verify it. */
  #issuerOf(token: string): TrustedIssuer {
    const trusted = this.#issuers.get(unverifiedIssuer(token) ?? "");
    if (!trusted) throw invalid("The token's issuer is not trusted here.");
    return trusted;
  }
}

function keysOf(issuer: Issuer, fetchKeys: FetchImplementation | undefined): JWTVerifyGetKey {
  if ("jwks" in issuer) return createLocalJWKSet(issuer.jwks);
  return createRemoteJWKSet(new URL(issuer.jwksUrl), fetchKeys ? { [customFetch]: fetchKeys } : {});
}

function unverifiedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch (cause) {
    throw invalid("The token is not a JSON Web Token.", cause);
  }
}

async function verifySignature(token: string, issuer: Issuer, keys: JWTVerifyGetKey, now: number) {
  try {
    return await jwtVerify(token, keys, {
      issuer: issuer.issuer,
      audience: issuer.audience,
      algorithms: [...issuer.algorithms],
      clockTolerance: issuer.clockToleranceSeconds,
      currentDate: new Date(now),
      requiredClaims: ["exp", "sub", "tenant"],
    });
  } catch (cause) {
    throw refusalOf(cause);
  }
}

function readClaims(
  payload: JWTPayload,
  header: ProtectedHeaderParameters,
): { claims: VerifiedClaims; expiresAt: number } {
  const type = header.typ?.toLowerCase().replace(/^application\//, "");
  if (type !== undefined && !TYPES.has(type)) throw invalid("The token's type is neither JWT nor at+jwt.");
  const result = v.safeParse(Claims, payload);
  if (!result.success) throw invalid(`The token's claim "${v.getDotPath(result.issues[0]) ?? ""}" is not valid.`);
  const { sub, tenant, exp, roles, role } = result.output;
  const named = roles ?? (role === undefined ? undefined : [role]);
  return { claims: { tenantId: tenant, subject: sub, roles: named?.filter(isRole) }, expiresAt: exp * 1000 };
}

function refusalOf(cause: unknown): PlatformError {
  if (cause instanceof errors.JWTExpired) return invalid("The token has expired.", cause);
  if (cause instanceof errors.JWTClaimValidationFailed) {
    return invalid(`The token's claim "${cause.claim}" is not accepted.`, cause);
  }
  if (cause instanceof errors.JWKSNoMatchingKey) return invalid("No trusted key verifies the token.", cause);
  if (cause instanceof errors.JWSSignatureVerificationFailed) return invalid("The token's signature is wrong.", cause);
  if (isAboutToken(cause)) return invalid("The token cannot be verified.", cause);
  return new PlatformError("NOT_READY", "The keys of the token's issuer cannot be fetched.", { cause });
}

/** Everything else that jose throws here comes from fetching a key set: its timeout, its answer, the network. */
function isAboutToken(cause: unknown): boolean {
  return (
    cause instanceof errors.JOSEError &&
    !(cause instanceof errors.JWKSTimeout) &&
    !(cause instanceof errors.JWKSInvalid) &&
    cause.code !== "ERR_JOSE_GENERIC"
  );
}

function invalid(detail: string, cause?: unknown): PlatformError {
  return new PlatformError("TOKEN_INVALID", detail, { cause });
}
