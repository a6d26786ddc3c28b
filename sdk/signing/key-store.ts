import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { configFolder } from "../account/config-folder.ts";
import { writePrivate } from "../account/private-file.ts";
import { UserError } from "../project/user-error.ts";
import { keyIdOf } from "./signature.ts";

/** A publisher's key: `<name>.key` (PKCS #8, its owner alone reads it) and `<name>.pub` (SPKI), both PEM. */
export interface PublisherKey {
  readonly name: string;
  readonly keyId: string;
  readonly publicKey: KeyObject;
}

export const DEFAULT_KEY = "default";
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

function fileOf(name: string, ending: "key" | "pub"): string {
  if (!NAME.test(name)) throw new UserError(`"${name}" is no name of a key: lower-case letters, digits and -.`);
  return path.join(configFolder(), "keys", `${name}.${ending}`);
}

/** @throws {UserError} where there is one of that name: a key is never replaced */
export async function createKey(name: string): Promise<PublisherKey> {
  const file = fileOf(name, "key");
  if (existsSync(file)) throw new UserError(`There is a key "${name}" already, in ${path.dirname(file)}.`);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  await writePrivate(file, privateKey.export({ format: "pem", type: "pkcs8" }).toString());
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(fileOf(name, "pub"), publicKey.export({ format: "pem", type: "spki" }));
  return { name, keyId: keyIdOf(publicKey), publicKey };
}

export async function listKeys(): Promise<PublisherKey[]> {
  const folder = path.join(configFolder(), "keys");
  const names = existsSync(folder) ? (await readdir(folder)).filter((file) => file.endsWith(".pub")).sort() : [];
  return Promise.all(
    names.map(async (file) => {
      const publicKey = await readPublicKey(path.join(folder, file));
      return { name: path.basename(file, ".pub"), keyId: keyIdOf(publicKey), publicKey };
    }),
  );
}

/** @throws {UserError} where there is none of that name */
export async function privateKeyNamed(name: string): Promise<KeyObject> {
  const file = fileOf(name, "key");
  if (!existsSync(file)) {
    const command = name === DEFAULT_KEY ? "patchbay keys create" : `patchbay keys create ${name}`;
    throw new UserError(`There is no key "${name}": \`${command}\` makes one.`);
  }
  return createPrivateKey(await readFile(file, "utf8"));
}

/** @throws {UserError} for a file that holds no Ed25519 key in PEM form */
export async function readPublicKey(file: string): Promise<KeyObject> {
  if (!existsSync(file)) throw new UserError(`There is no key at ${file}.`);
  try {
    const key = createPublicKey(await readFile(file, "utf8"));
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // No PEM: told below.
  }
  throw new UserError(`${file} holds no Ed25519 key in PEM form.`);
}
