import { createHash, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import * as v from "valibot";
import { MANIFEST_FILE, parseManifestText } from "../contract/manifest.ts";
import { SIGNATURE_FILE, type PackageFiles } from "../packaging/package-folder.ts";
import { UserError } from "../project/user-error.ts";

/**
 * A publisher's signature of a package, in {@link SIGNATURE_FILE}: an envelope of DSSE 1.0 (https://github.com/secure-systems-lab/dsse) whose payload names every file of
 * the package with its digest. It lies beside the manifest and is the one file that it does not name.
 */
export const PAYLOAD_TYPE = "application/vnd.patchbay.package+json";

const Statement = v.object({
  pluginId: v.string(),
  version: v.string(),
  files: v.array(v.object({ path: v.string(), bytes: v.number(), sha256: v.string() })),
});
/** What is signed. */
export type Statement = Readonly<v.InferOutput<typeof Statement>>;

const base64 = v.pipe(v.string(), v.base64());
const Envelope = v.object({
  payloadType: v.literal(PAYLOAD_TYPE),
  payload: base64,
  signatures: v.pipe(v.array(v.object({ keyid: v.string(), sig: base64 })), v.minLength(1)),
});
type Envelope = v.InferOutput<typeof Envelope>;

export interface SignedStatement {
  readonly statement: Statement;
  /** SHA-256 of the payload, hexadecimal: one name for all that is signed. */
  readonly digest: string;
}

/** Name of a key: SHA-256 of the public half as SPKI (RFC 5280, 4.1.2.7), hexadecimal. */
export function keyIdOf(key: KeyObject): string {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return sha256(publicKey.export({ format: "der", type: "spki" }));
}

/** The files that are signed, sorted by path, so that the same package gives the same payload. */
export function statementOf(files: PackageFiles): Statement {
  const { id: pluginId, version } = parseManifestText(files.get(MANIFEST_FILE) ?? new Uint8Array());
  const signed = [...files].filter(([path]) => path !== SIGNATURE_FILE).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    pluginId,
    version,
    files: signed.map(([path, content]) => ({ path, bytes: content.length, sha256: sha256(content) })),
  };
}

/**
 * @param privateKey  Ed25519 (RFC 8032)
 * @returns the content of {@link SIGNATURE_FILE}
 */
export function signPackage(files: PackageFiles, privateKey: KeyObject): Uint8Array {
  const payload = Buffer.from(JSON.stringify(statementOf(files)));
  const envelope: Envelope = {
    payloadType: PAYLOAD_TYPE,
    payload: payload.toString("base64"),
    signatures: [
      { keyid: keyIdOf(privateKey), sig: sign(null, authenticated(payload), privateKey).toString("base64") },
    ],
  };
  return new TextEncoder().encode(`${JSON.stringify(envelope, undefined, 2)}\n`);
}

/**
 * Says whether the signature of a package is of these very files, whoever made it.
 *
 * @throws {UserError} where it is missing, malformed, or of other files, with the first that differs
 */
export function readSignature(files: PackageFiles): SignedStatement & { readonly envelope: Envelope } {
  const content = files.get(SIGNATURE_FILE);
  if (!content) throw new UserError(`The package has no ${SIGNATURE_FILE}: \`patchbay sign\` makes one.`);
  const envelope = parse(Envelope, new TextDecoder().decode(content));
  const payload = Buffer.from(envelope.payload, "base64");
  const statement = parse(Statement, payload.toString("utf8"));
  const difference = differenceOf(statement, statementOf(files));
  if (difference !== undefined) throw new UserError(`The signature is of another build: ${difference}.`);
  return { statement, digest: sha256(payload), envelope };
}

/**
 * Proves that one of these keys has signed exactly these files.
 *
 * @returns the key's name
 * @throws {UserError} as {@link readSignature} does; where none of the keys has signed it, or a signature does not hold
 */
export function verifyPackage(
  files: PackageFiles,
  publicKeys: readonly KeyObject[],
): SignedStatement & { readonly keyId: string } {
  const { envelope, statement, digest } = readSignature(files);
  const signed = authenticated(Buffer.from(envelope.payload, "base64"));
  for (const { keyid, sig } of envelope.signatures) {
    const key = publicKeys.find((candidate) => keyIdOf(candidate) === keyid);
    if (!key) continue;
    if (!verify(null, signed, key, Buffer.from(sig, "base64")))
      throw new UserError(`The signature of key ${keyid} does not hold.`);
    return { keyId: keyid, statement, digest };
  }
  const names = envelope.signatures.map(({ keyid }) => keyid).join(", ");
  throw new UserError(`The package is signed by ${names}, which is none of the keys that are trusted here.`);
}

/** Pre-authentication encoding of DSSE 1.0. */
function authenticated(payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload]);
}

function differenceOf(signed: Statement, found: Statement): string | undefined {
  if (signed.pluginId !== found.pluginId || signed.version !== found.version) {
    return `it says ${signed.pluginId} ${signed.version}, the manifest ${found.pluginId} ${found.version}`;
  }
  const known = new Map(signed.files.map(({ path, sha256: digest }) => [path, digest]));
  for (const { path, sha256: digest } of found.files) {
    if (!known.has(path)) return `it does not name ${path}`;
    if (known.get(path) !== digest) return `${path} was changed`;
    known.delete(path);
  }
  const [missing] = known.keys();
  return missing === undefined ? undefined : `${missing} is missing`;
}

function parse<Schema extends v.GenericSchema>(schema: Schema, text: string): v.InferOutput<Schema> {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (result.success) return result.output;
  throw new UserError(`${SIGNATURE_FILE} is no signature of a package.`, result.issues[0].message);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
