import { generateKeyPairSync, randomBytes, randomUUID, sign, type KeyObject } from "node:crypto";

const ISSUER = "https://patchbay.local";
const AUDIENCE = "patchbay";
const TOKEN_SECONDS = 12 * 3_600;

/** Secrets of one start of a local platform; they end with it. */
export class PlatformKeys {
  readonly #privateKey: KeyObject;
  readonly #keyId = randomUUID();
  readonly #publicKey: object;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    this.#privateKey = privateKey;
    this.#publicKey = { ...publicKey.export({ format: "jwk" }), kid: this.#keyId, alg: "EdDSA", use: "sig" };
  }

  /** What the worker asks for as secrets. */
  bindings(): Record<string, string> {
    return {
      AUTH_ISSUERS: JSON.stringify([{ issuer: ISSUER, audience: AUDIENCE, jwks: { keys: [this.#publicKey] } }]),
      RECORDING_KEYS: keyRing(),
      CONFIG_KEYS: keyRing(),
      DATA_KEYS: keyRing(),
      BACKUP_KEYS: keyRing(),
    };
  }

  /** A JSON web token (RFC 7519), signed with EdDSA (RFC 8037), that the worker takes. */
  token(tenant: string, roles: readonly string[] = ["admin"]): string {
    const now = Math.floor(Date.now() / 1000);
    const header = { alg: "EdDSA", kid: this.#keyId, typ: "JWT" };
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: "developer", iat: now, exp: now + TOKEN_SECONDS, tenant, roles };
    const signed = `${encoded(header)}.${encoded(claims)}`;
    return `${signed}.${sign(undefined, Buffer.from(signed), this.#privateKey).toString("base64url")}`;
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function keyRing(): string {
  return JSON.stringify({ current: "k1", keys: { k1: randomBytes(32).toString("base64") } });
}
