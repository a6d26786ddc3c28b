import { moduleKey } from "../../../execution/module-store.ts";
import { listPages } from "../../../lib/bucket-pages.ts";
import { eraseBlob } from "../../backups/blob-store.ts";
import { listVersionsAfter } from "../../packages/store.ts";
import { blobsOf } from "../../packages/stored-blobs-store.ts";
import type { VersionRecord } from "../../packages/version-record.ts";
import { profileNoteOf } from "../../profiles/actions/prepare.ts";
import { findProfiledPackage, profileKey } from "../../profiles/store.ts";
import type { ErasureDeps } from "./context.ts";

/**
 * Packages and what is made of them are stored once for all tenants, under their digests. They go with the tenant where no other
 * tenant has the same; so does what nobody's versions name any more, such as modules that an earlier rewriter has metered.
 */

const VERSIONS_PER_PAGE = 200;
/** An upload stores its objects before its version: what is younger may be somebody's in a moment. */
const UNNAMED_MS = 3_600_000;
const PREFIXES = ["packages/", "modules/", "files/", "profiles/"] as const;

interface Named {
  /** Keys of the tenant's versions, and the digests of those of which backups may have copies. */
  readonly own: ReadonlyMap<string, string | undefined>;
  /** Keys of all others. */
  readonly others: ReadonlySet<string>;
}

/** @returns how many objects were deleted */
export async function erasePackages(deps: ErasureDeps, tenantId: string): Promise<number> {
  const { STORE } = deps.env;
  const { own, others } = await readNamed(deps, tenantId);
  const now = deps.clock.now();
  let count = 0;
  for (const prefix of PREFIXES) {
    for await (const page of listPages(STORE, { prefix })) {
      const keys = page
        .filter(({ key, uploaded }) => !others.has(key) && (own.has(key) || uploaded.getTime() < now - UNNAMED_MS))
        .map(({ key }) => key);
      if (keys.length > 0) await STORE.delete(keys);
      count += keys.length;
    }
  }
  for (const [key, digest] of own) if (digest !== undefined && !others.has(key)) await eraseBlob(deps, digest, now);
  return count;
}

/** Packages of the tenant, and how many of their objects are no other tenant's. */
export async function countPackages(
  deps: Pick<ErasureDeps, "db" | "env">,
  tenantId: string,
): Promise<{ readonly deleted: number; readonly shared: number }> {
  const { own, others } = await readNamed(deps, tenantId);
  const shared = [...own.keys()].filter((key) => others.has(key)).length;
  return { deleted: own.size - shared, shared };
}

async function readNamed({ db, env }: Pick<ErasureDeps, "db" | "env">, tenantId: string): Promise<Named> {
  const own = new Map<string, string | undefined>();
  const others = new Set<string>();
  const notes = await listKeys(env.STORE, "profiles/");
  for (let after: string | undefined = ""; after !== undefined;) {
    const versions = await listVersionsAfter(db, after, VERSIONS_PER_PAGE);
    for (const version of versions) {
      const named: readonly Stored[] = [...blobsOf(version), ...(await profiledForm(env.STORE, version, notes))];
      for (const { key, digest } of named) {
        if (version.tenantId === tenantId) own.set(key, digest);
        else others.add(key);
      }
    }
    after = versions.length === VERSIONS_PER_PAGE ? versions.at(-1)?.id : undefined;
  }
  return { own, others };
}

interface Stored {
  readonly key: string;
  readonly digest?: string;
}

/** What was made of a version to profile it, where it was. */
async function profiledForm(
  bucket: R2Bucket,
  version: VersionRecord,
  notes: ReadonlySet<string>,
): Promise<readonly Stored[]> {
  const id = notes.size === 0 ? "" : await profileNoteOf(version);
  const key = profileKey(id);
  if (!notes.has(key)) return [];
  const modules = (await findProfiledPackage(bucket, id))?.modules ?? [];
  return [{ key }, ...modules.map(({ digest }) => ({ key: moduleKey(digest), digest }))];
}

async function listKeys(bucket: R2Bucket, prefix: string): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for await (const page of listPages(bucket, { prefix })) for (const { key } of page) keys.add(key);
  return keys;
}
