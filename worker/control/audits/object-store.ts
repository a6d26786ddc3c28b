import { toHex } from "../../lib/hex.ts";
import { filesKey, moduleKey } from "../../execution/module-store.ts";
import { packageKey } from "../packages/blob-store.ts";
import type { ObjectFact } from "./facts-record.ts";
import type { AuditedInstall } from "./facts-store.ts";

type Expected = Pick<ObjectFact, "what" | "digest">;

/** Everything that the store must hold of an install's version. */
export function expectedObjects(install: Omit<AuditedInstall, "configuration">): readonly Expected[] {
  const { packageDigest, moduleDigest, rewrittenDigest, parts, linked = [] } = install;
  const running = parts && parts.modules.length > 0 ? parts.modules.map(({ digest }) => digest) : [rewrittenDigest];
  const all: readonly Expected[] = [
    { what: "package", digest: packageDigest },
    ...[moduleDigest, ...linked.map((module) => module.moduleDigest)].map((digest): Expected => ({
      what: "original",
      digest,
    })),
    ...[...running, ...(parts?.relay ? [parts.relay.digest] : [])].map((digest): Expected => ({
      what: "rewritten",
      digest,
    })),
    ...(parts?.files ? [{ what: "files", digest: parts.files.digest } as const] : []),
  ];
  return all;
}

const KEYS: Readonly<Record<ObjectFact["what"], (digest: string) => string>> = {
  package: packageKey,
  original: moduleKey,
  rewritten: moduleKey,
  files: filesKey,
};

/** Reads what the store holds, each object once however many installs share it, and never one whole into memory. */
export class ObjectReader {
  readonly #bucket: R2Bucket;
  readonly #known = new Map<string, Promise<string | null>>();

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  /** @throws where the store does not answer */
  async read({ what, digest }: Expected): Promise<ObjectFact> {
    const key = KEYS[what](digest);
    const reading = this.#known.get(key) ?? this.#digestOf(key);
    this.#known.set(key, reading);
    return { what, digest, found: await reading };
  }

  async #digestOf(key: string): Promise<string | null> {
    const object = await this.#bucket.get(key);
    if (!object) return null;
    const hash = new crypto.DigestStream("SHA-256");
    await object.body.pipeTo(hash);
    // What ends early says nothing of what is stored.
    if (Number(hash.bytesWritten) < object.size) throw new Error("The object ended early.");
    return toHex(await hash.digest);
  }
}
