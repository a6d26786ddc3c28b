import { createKey, listKeys } from "../../signing/key-store.ts";
import { UserError } from "../../project/user-error.ts";
import { show, table, type OutputOptions } from "../output.ts";

export async function createKeyCommand(name: string, options: OutputOptions): Promise<void> {
  const { keyId } = await createKey(name);
  show({ name, keyId }, [`Made the key ${name}: ${keyId}.`], options);
}

export async function listKeysCommand(options: OutputOptions): Promise<void> {
  const keys = (await listKeys()).map(({ name, keyId }) => ({ name, keyId }));
  const lines = keys.length > 0 ? table(keys.map(({ name, keyId }) => [name, keyId])) : ["There are no keys."];
  show({ keys }, lines, options);
}

/** Writes the public half, for whoever is to trust it. */
export async function exportKey(name: string, options: OutputOptions): Promise<void> {
  const key = (await listKeys()).find((candidate) => candidate.name === name);
  if (!key) throw new UserError(`There is no key "${name}".`);
  const pem = key.publicKey.export({ format: "pem", type: "spki" }).toString();
  show({ name, keyId: key.keyId, publicKey: pem }, [pem.trimEnd()], options);
}
