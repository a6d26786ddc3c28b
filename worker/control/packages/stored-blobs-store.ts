import { filesKey, moduleKey } from "../../execution/module-store.ts";
import { toHex } from "../../lib/hex.ts";
import { packageKey } from "./blob-store.ts";
import type { VersionRecord } from "./version-record.ts";

/** Everything that is stored of a version, and whether it is what it should be. */

export interface VersionBlob {
  readonly key: string;
  /** SHA-256, hexadecimal. */
  readonly digest: string;
  /** `original`: as uploaded, and can be made of nothing else. `made`: the platform makes it of the original. */
  readonly role: "original" | "made";
  readonly what: string;
}

/** Objects that the version was stored as. */
export function blobsOf({ packageDigest, moduleDigest, rewrittenDigest, module }: VersionRecord): VersionBlob[] {
  const { parts, linked = [] } = module;
  const made = new Map<string, string>([[rewrittenDigest, "metered module"]]);
  for (const { digest, name } of parts?.modules ?? [])
    if (!made.has(digest)) made.set(digest, `metered module "${name}"`);
  if (parts?.relay) made.set(parts.relay.digest, "relay module");
  return [
    { key: packageKey(packageDigest), digest: packageDigest, role: "original", what: "package" },
    { key: moduleKey(moduleDigest), digest: moduleDigest, role: "original", what: "module as uploaded" },
    ...linked.map(({ moduleDigest: digest, name }): VersionBlob => ({
      key: moduleKey(digest),
      digest,
      role: "original",
      what: `module "${name}" as uploaded`,
    })),
    ...[...made].map(([digest, what]): VersionBlob => ({ key: moduleKey(digest), digest, role: "made", what })),
    ...(parts?.files
      ? [{ key: filesKey(parts.files.digest), digest: parts.files.digest, role: "made", what: "files" } as const]
      : []),
  ];
}

export type BlobState = "good" | "missing" | "damaged";

/** Reads the whole object piece by piece and compares its digest with the one that it should have. */
export async function checkBlob(
  bucket: R2Bucket,
  { key, digest }: Pick<VersionBlob, "key" | "digest">,
): Promise<BlobState> {
  const object = await bucket.get(key);
  if (!object) return "missing";
  const hash = new crypto.DigestStream("SHA-256");
  await object.body.pipeTo(hash);
  return toHex(await hash.digest) === digest ? "good" : "damaged";
}
