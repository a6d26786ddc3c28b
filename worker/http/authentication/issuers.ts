import * as v from "valibot";

/** Asymmetric only: a shared secret could be turned against its verifier. */
export const ALGORITHMS = ["EdDSA", "ES256", "RS256"] as const;
const MAXIMUM_TOLERANCE = 60;
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

const publicKey = v.pipe(
  v.looseObject({ kty: v.picklist(["OKP", "EC", "RSA"]), kid: v.exactOptional(v.string()) }),
  v.check((key) => PRIVATE_MEMBERS.every((member) => !Object.hasOwn(key, member)), "must be a public key"),
);

const text = v.pipe(v.string(), v.nonEmpty(), v.maxLength(2048));

const shared = {
  issuer: text,
  audience: text,
  algorithms: v.optional(v.pipe(v.array(v.picklist(ALGORITHMS)), v.nonEmpty()), [...ALGORITHMS]),
  clockToleranceSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAXIMUM_TOLERANCE)), 0),
};

const issuer = v.union([
  v.strictObject({ ...shared, jwks: v.strictObject({ keys: v.pipe(v.array(publicKey), v.nonEmpty()) }) }),
  v.strictObject({ ...shared, jwksUrl: v.pipe(v.string(), v.url(), v.startsWith("https://")) }),
]);

export type Issuer = v.InferOutput<typeof issuer>;

/** The AUTH_ISSUERS variable: who may sign tokens, for whom, with which keys. */
export const Issuers = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(issuer),
  v.check((list) => new Set(list.map((entry) => entry.issuer)).size === list.length, "names an issuer twice"),
);

/** @throws {Error} naming each place that is wrong, without its value */
export function parseIssuers(variable: string): readonly Issuer[] {
  const result = v.safeParse(Issuers, variable);
  if (result.success) return result.output;
  const places = result.issues.map((entry) => v.getDotPath(entry) ?? "the whole").join(", ");
  throw new Error(`AUTH_ISSUERS is not valid at: ${places}.`);
}

/** Public keys that this deployment trusts and holds itself. */
export function localKeys(issuers: readonly Issuer[]): readonly Record<string, unknown>[] {
  return issuers.flatMap((entry) => ("jwks" in entry ? entry.jwks.keys : []));
}
