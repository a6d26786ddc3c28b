import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from "jose";

/** The folder of a local worker: its data, its signing key, its variables. Never committed. */

export const LOCAL_ISSUER = "https://patchbay.local";
export const LOCAL_AUDIENCE = "patchbay";
const ALGORITHM = "EdDSA";
const TOKEN_LIFETIME = "12h";

export function stateFolder(root: string): string {
  return path.resolve(root, process.env["PATCHBAY_STATE"] ?? ".patchbay");
}

/** Reads the local signing key, making it where there is none. The private half stays in this file. */
export async function signingKey(state: string): Promise<JWK> {
  const file = path.join(state, "signing-key.json");
  if (!existsSync(file)) {
    const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true, crv: "Ed25519" });
    const key = { ...(await exportJWK(privateKey)), kid: crypto.randomUUID(), alg: ALGORITHM, use: "sig" };
    await mkdir(state, { recursive: true });
    await writeFile(`${file}.new`, JSON.stringify(key), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
  return JSON.parse(await readFile(file, "utf8")) as JWK; // written above, by this program only
}

/** Reads the keys that seal recordings, as the worker's RECORDING_KEYS expects them, making one where there is none. */
export async function recordingKeys(state: string): Promise<string> {
  return keyRing(state, "recording-keys.json");
}

/** Reads the keys that seal secrets of configurations, as the worker's CONFIG_KEYS expects them. */
export async function configKeys(state: string): Promise<string> {
  return keyRing(state, "config-keys.json");
}

/** Reads the keys that seal what plugins store, as the worker's DATA_KEYS expects them. */
export async function dataKeys(state: string): Promise<string> {
  return keyRing(state, "data-keys.json");
}

/** Reads the keys that seal backups, as the worker's BACKUP_KEYS expects them. */
export async function backupKeys(state: string): Promise<string> {
  return keyRing(state, "backup-keys.json");
}

async function keyRing(state: string, name: string): Promise<string> {
  const file = path.join(state, name);
  if (!existsSync(file)) {
    await mkdir(state, { recursive: true });
    await writeFile(`${file}.new`, freshKeyRing(), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
  return readFile(file, "utf8");
}

/** A key ring with one new AES-256 key. */
export function freshKeyRing(): string {
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
  return JSON.stringify({ current: "k1", keys: { k1: key } });
}

/** The public half, as the worker's AUTH_ISSUERS expects it. */
export function localIssuers(key: JWK): string {
  const { d: _private, ...publicKey } = key;
  return JSON.stringify([{ issuer: LOCAL_ISSUER, audience: LOCAL_AUDIENCE, jwks: { keys: [publicKey] } }]);
}

/** A bearer token for the local worker. */
export async function mintToken(key: JWK, claims: { tenant: string; roles: readonly string[] }): Promise<string> {
  return new SignJWT({ tenant: claims.tenant, roles: claims.roles })
    .setProtectedHeader({ alg: ALGORITHM, ...(key.kid === undefined ? {} : { kid: key.kid }), typ: "JWT" })
    .setIssuer(LOCAL_ISSUER)
    .setAudience(LOCAL_AUDIENCE)
    .setSubject(`local:${claims.roles.join("+")}`)
    .setIssuedAt()
    .setExpirationTime(TOKEN_LIFETIME)
    .sign(await importJWK(key, ALGORITHM));
}
