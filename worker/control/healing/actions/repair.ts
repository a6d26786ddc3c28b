import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { MAIN_MODULE } from "../../../../sdk/contract/linking.ts";
import type { Deps } from "../../../deps.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import { openArchive } from "../../packages/archive/archive.ts";
import { restoreBlob } from "../../backups/blob-store.ts";
import { objectAccess, packageKey, putBlob } from "../../packages/blob-store.ts";
import { adoptRewritten, rewriteStored } from "../../packages/actions/rewrite-again.ts";
import { blobsOf, checkBlob, type VersionBlob } from "../../packages/stored-blobs-store.ts";
import { getVersion } from "../../packages/store.ts";
import type { VersionRecord } from "../../packages/version-record.ts";
import type { Applied, RemedyRequest } from "./remedy.ts";
import { renewIsolates } from "./restart.ts";

/**
 * Holds everything that is stored of the install's version against its digests, makes anew what is missing or damaged, and lets
 * the install go on in new isolates: one that loaded damaged code stays failed under its id.
 *
 * @throws {PlatformError} INTEGRITY_FAILED where an original is lost; MODULE_UNAVAILABLE where the store does not answer;
 *   ISOLATE_REPLACED_TOO_OFTEN
 */
export async function repair(deps: Deps, request: RemedyRequest): Promise<Applied> {
  const { install } = request;
  const record = await getVersion(deps.db, install.ownerTenantId, install.versionId);
  if (!record) throw new PlatformError("INTEGRITY_FAILED", `Version ${install.version} has no record any more.`);
  const broken = await findBroken(deps.env.STORE, record);
  const gone: Broken[] = [];
  for (const blob of broken) {
    if (blob.role === "original" && !(await restoreOriginal(deps, record, blob))) gone.push(blob);
  }
  const isMadeBroken = broken.some(({ role }) => role === "made");
  if (gone.length > 0 && (!isMadeBroken || gone.some(({ digest }) => digest === sourceOf(record)))) {
    throw lost(gone, "in no backup");
  }
  const left = isMadeBroken ? await findBroken(deps.env.STORE, await remake(deps, record, broken)) : [];
  const made = left.filter(({ role }) => role === "made");
  if (made.length > 0) throw lost(made, "could not be made again");
  const generation = await renewIsolates(deps, request, "install.repair");
  return { done: `${tell(broken, gone)} It runs in isolates of generation ${generation}.`, proved: true };
}

/** What the metered form is made of. */
function sourceOf({ module, moduleDigest, packageDigest }: VersionRecord): string {
  return module.parts === undefined ? moduleDigest : packageDigest;
}

function tell(broken: readonly Broken[], gone: readonly Broken[]): string {
  if (broken.length === 0) return "All that is stored of it is what was uploaded.";
  const restored = broken.filter((blob) => !gone.includes(blob)).map(({ what }) => what);
  const left = gone.length > 0 ? ` Lost, and in no backup: ${gone.map(({ what }) => what).join(", ")}.` : "";
  return `Restored: ${restored.join(", ")}.${left}`;
}

type Broken = VersionBlob & { readonly state: "missing" | "damaged" };

async function findBroken(bucket: R2Bucket, record: VersionRecord): Promise<Broken[]> {
  const broken: Broken[] = [];
  for (const blob of blobsOf(record)) {
    const state = await checkBlob(bucket, blob).catch((cause: unknown) => {
      throw new PlatformError("MODULE_UNAVAILABLE", `The store does not give the ${blob.what}.`, { cause });
    });
    if (state !== "good") broken.push({ ...blob, state });
  }
  return broken;
}

/** The module is in its package too, and a backup may have either. @returns false where neither has it */
async function restoreOriginal(deps: Deps, record: VersionRecord, blob: Broken): Promise<boolean> {
  const { STORE: bucket } = deps.env;
  const bytes =
    blob.key === packageKey(record.packageDigest) ? undefined : await fromPackage(bucket, record, blob.digest);
  if (bytes) {
    if (blob.state === "damaged") await bucket.delete(blob.key);
    await putBlob(bucket, { ...blob, size: bytes.length }, bytes);
    return true;
  }
  return (await restoreBlob(deps, blob, blob.key)) === "restored";
}

/** A module as its package holds it; undefined where the package is no archive, or damaged itself. */
async function fromPackage(bucket: R2Bucket, record: VersionRecord, digest: string): Promise<Uint8Array | undefined> {
  const { packageDigest, packageBytes: size, manifest, moduleDigest, module } = record;
  const name =
    digest === moduleDigest ? MAIN_MODULE : module.linked?.find((part) => part.moduleDigest === digest)?.name;
  const path = name === MAIN_MODULE ? manifest.wasm : manifest.modules.find((part) => part.name === name)?.wasm;
  if (path === undefined) return undefined;
  const stored = { key: packageKey(packageDigest), digest: packageDigest, size };
  const bytes = await openArchive(objectAccess(bucket, stored))
    .then((archive) => archive.read(path))
    .catch(() => undefined); // not an archive, or damaged: the next place is asked
  return bytes && (await sha256Hex(bytes)) === digest ? bytes : undefined;
}

/**
 * Makes again what the platform made of the originals. Damaged objects go first, since what is there is not written again.
 *
 * @returns the version as it is then: the current rewriter's form where an older one had made it
 */
async function remake(deps: Deps, record: VersionRecord, broken: readonly Broken[]): Promise<VersionRecord> {
  const { STORE: bucket } = deps.env;
  const damaged = broken.filter(({ role, state }) => role === "made" && state === "damaged").map(({ key }) => key);
  if (damaged.length > 0) await bucket.delete(damaged);
  const rewritten = await rewriteStored(bucket, record);
  if (rewritten.rewrittenDigest === record.rewrittenDigest) return record;
  await adoptRewritten(deps, record, rewritten);
  return (await getVersion(deps.db, record.tenantId, record.id)) ?? record;
}

function lost(blobs: readonly VersionBlob[], why: string): PlatformError {
  const names = blobs.map(({ what, digest }) => `${what} ${digest}`).join(", ");
  return new PlatformError("INTEGRITY_FAILED", `Missing or damaged, and ${why}: ${names}.`);
}
