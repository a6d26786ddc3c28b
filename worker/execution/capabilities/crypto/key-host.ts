import * as v from "valibot";
import { hostCall } from "../capability.ts";
import { KeyKindSchema, KeyName } from "./key-rules.ts";
import { createKey, deleteKey, findKey, listKeys, type StoredKey } from "./key-store.ts";

/** `crypto_key_*`: keys by name. What of them is told is all that leaves the platform: kind, age, and public halves. */

/** Making one that is there already changes nothing; its kind says whether it is the one that was meant. */
export const cryptoKeyCreate = hostCall(
  "crypto",
  v.strictObject({ name: KeyName, kind: KeyKindSchema }),
  async (context, { name, kind }) => {
    context.quotas.take("crypto", "operations");
    const { created, key } = await createKey(context, name, kind);
    return { value: { created, ...shown(key) } };
  },
);

export const cryptoKeyGet = hostCall("crypto", v.strictObject({ name: KeyName }), async (context, { name }) => {
  context.quotas.take("crypto", "operations");
  const key = await findKey(context, name);
  return { value: key ? { found: true, ...shown(key) } : { found: false } };
});

export const cryptoKeyList = hostCall("crypto", v.strictObject({}), async (context) => {
  context.quotas.take("crypto", "operations");
  const keys = await listKeys(context);
  return { value: { keys: keys.map((key) => ({ name: key.name, ...shown(key) })) } };
});

/** What was signed or encrypted with the key can no longer be verified or decrypted by the platform. */
export const cryptoKeyDelete = hostCall("crypto", v.strictObject({ name: KeyName }), async (context, { name }) => {
  context.quotas.take("crypto", "operations");
  return { value: { deleted: await deleteKey(context, name) } };
});

function shown({ kind, createdAt, publicKey }: StoredKey) {
  return { kind, createdAt, ...(publicKey ? { publicKey } : {}) };
}
