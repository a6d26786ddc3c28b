import { writeFile } from "node:fs/promises";
import path from "node:path";
import { openTarget, type PackageTarget } from "../../packaging/open-target.ts";
import { archiveOf } from "../../packaging/package-form.ts";
import { SIGNATURE_FILE } from "../../packaging/package-folder.ts";
import { listKeys, privateKeyNamed, readPublicKey } from "../../signing/key-store.ts";
import { readSignature, signPackage, verifyPackage } from "../../signing/signature.ts";
import { show, type OutputOptions } from "../output.ts";

export interface SignOptions extends OutputOptions {
  readonly key: string;
  readonly verify?: boolean;
  /** Of verifying: the file of the key that is trusted. */
  readonly publicKey?: string;
}

/** Signs a package with a publisher's key, or proves its signature. */
export async function sign(word: string, options: SignOptions): Promise<void> {
  const target = await openTarget(word);
  if (options.verify) return await verify(target, options);
  const signature = signPackage(target.files, await privateKeyNamed(options.key));
  const signed = new Map([...target.files, [SIGNATURE_FILE, signature]]);
  const file = target.kind === "archive" ? target.path : path.join(target.path, SIGNATURE_FILE);
  await writeFile(file, target.kind === "archive" ? archiveOf(signed) : signature);
  const { statement, digest, envelope } = readSignature(signed);
  const keyId = envelope.signatures[0]?.keyid;
  show(
    { ...statement, digest, keyId, file },
    [`Signed ${statement.pluginId} ${statement.version} (${digest}) with key ${keyId}.`, `Written to ${file}.`],
    options,
  );
}

async function verify({ files }: PackageTarget, options: SignOptions): Promise<void> {
  const trusted = options.publicKey
    ? [await readPublicKey(path.resolve(options.publicKey))]
    : (await listKeys()).map(({ publicKey }) => publicKey);
  const { keyId, statement, digest } = verifyPackage(files, trusted);
  show(
    { verified: true, ...statement, digest, keyId },
    [`${statement.pluginId} ${statement.version} (${digest}) is signed with key ${keyId}.`],
    options,
  );
}
