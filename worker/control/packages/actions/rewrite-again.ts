import type { Deps } from "../../../deps.ts";
import { inspectModule } from "../../../execution/metering/inspect.ts";
import { REWRITER_VERSION, rewriteModule } from "../../../execution/metering/rewrite.ts";
import { readModule } from "../../../execution/module-store.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { compileSnapshot, type CompileDeps } from "../../compile.ts";
import { newEvent, SYSTEM_SUBJECT } from "../../events/rules.ts";
import { openArchive } from "../archive/archive.ts";
import { objectAccess, packageKey } from "../blob-store.ts";
import { summarisePackage } from "../module-report.ts";
import { requireFitting } from "../package-rules.ts";
import { findOutdated, markNotMoved, moveVersion, type OutdatedVersion } from "../rewriting-store.ts";
import { getVersion } from "../store.ts";
import type { VersionRecord } from "../version-record.ts";
import { meteringPolicy, refusing } from "./examine.ts";
import { keepModule, proveRewritten, type Accepted } from "./keep.ts";
import { acceptParts } from "./prepare-parts.ts";

export type RewriteAgainDeps = CompileDeps & Pick<Deps, "newId">;

/** What one run takes on: the next run goes on where this one ended, because what is moved is no longer outdated. */
const VERSIONS_PER_RUN = 20;
const BYTES_PER_RUN = 64 * 1024 * 1024;

/**
 * Moves versions that an older rewriter made to the current one, from the modules as uploaded. Until its successor is
 * stored, proved and in the snapshot, a version runs as it is: all rewriters of one metering interface can be called alike.
 * One that the current rewriter refuses stays as it is, with a note, and is not tried again by the same rewriter.
 *
 * @returns how many were moved
 */
export async function rewriteOutdatedVersions(deps: RewriteAgainDeps): Promise<number> {
  const outdated = await findOutdated(deps.db, REWRITER_VERSION, VERSIONS_PER_RUN);
  let moved = 0;
  let bytes = 0;
  for (const version of outdated) {
    bytes += version.moduleBytes;
    if (moved > 0 && bytes > BYTES_PER_RUN) break;
    if (await tryToMove(deps, version)) moved++;
  }
  return moved;
}

/** A version that fails stops no other. What may pass, such as a store that does not answer, is tried again next time. */
async function tryToMove(deps: RewriteAgainDeps, { id, tenantId, rewriterVersion }: OutdatedVersion): Promise<boolean> {
  try {
    const record = await getVersion(deps.db, tenantId, id);
    if (record?.rewriterVersion !== rewriterVersion) return false;
    return await move(deps, record);
  } catch (error) {
    logError("rewriting.failed", {
      versionId: id,
      from: rewriterVersion,
      to: REWRITER_VERSION,
      error: errorText(error),
    });
    const isFinal = error instanceof PlatformError && error.code !== "MODULE_UNAVAILABLE";
    if (isFinal) await markNotMoved(deps.db, { id, tenantId, rewriterVersion }, REWRITER_VERSION);
    return false;
  }
}

async function move(deps: RewriteAgainDeps, record: VersionRecord): Promise<boolean> {
  return adoptRewritten(deps, record, await rewriteStored(deps.env.STORE, record));
}

/**
 * Puts what the current rewriter made of a version, and stored, in the place of what the version has, and tells all who have
 * it installed.
 *
 * @returns false where somebody else was faster
 */
export async function adoptRewritten(
  deps: RewriteAgainDeps,
  record: VersionRecord,
  rewritten: Accepted,
): Promise<boolean> {
  const { tenantId, pluginId, version, rewriterVersion: from } = record;
  const event = newEvent({
    id: deps.newId(),
    tenantId,
    pluginId,
    type: "package.rewritten",
    data: { version, from, to: REWRITER_VERSION },
    subject: SYSTEM_SUBJECT,
    createdAt: deps.clock.now(),
  });
  const tenants = await moveVersion(deps.db, record, movedRecord(record, rewritten), event);
  if (tenants === null) return false;
  for (const tenant of tenants) {
    // What fails here is made up for by the job that compiles stale snapshots.
    await compileSnapshot(deps, tenant).catch((error: unknown) => {
      logError("rewriting.snapshot", { tenantId: tenant, error: errorText(error) });
    });
  }
  return true;
}

/**
 * Rewrites what is stored of a package, as its upload did, and stores and proves what comes of it.
 *
 * @throws {PlatformError} INTEGRITY_FAILED, MODULE_UNAVAILABLE where the original cannot be read
 */
export async function rewriteStored(bucket: R2Bucket, record: VersionRecord): Promise<Accepted> {
  const { manifest, moduleDigest, packageDigest, packageBytes, scan } = record;
  if (record.module.parts !== undefined) {
    const stored = { key: packageKey(packageDigest), digest: packageDigest, size: packageBytes };
    const archive = await openArchive(objectAccess(bucket, stored));
    const accepted = await acceptParts(bucket, { archive, manifest, packageDigest }, () => Promise.resolve());
    await proveRewritten(bucket, accepted);
    return accepted;
  }
  const bytes = await readModule(bucket, moduleDigest);
  const report = inspectModule(bytes);
  const rewritten = refusing(() => rewriteModule(bytes, meteringPolicy(manifest)));
  requireFitting(rewritten.size);
  const rewrittenDigest = await keepModule(bucket, { bytes, moduleDigest }, rewritten);
  const accepted = { moduleDigest, report, scan, rewriting: rewritten.report, rewrittenDigest };
  await proveRewritten(bucket, accepted);
  return accepted;
}

/** The record with what rewriting decides; the rest of it is what the upload found. */
function movedRecord(record: VersionRecord, accepted: Accepted): VersionRecord {
  const { rewriting, linked, parts } = summarisePackage(accepted);
  return {
    ...record,
    rewrittenDigest: accepted.rewrittenDigest,
    rewriterVersion: accepted.rewriting.rewriterVersion,
    module: { ...record.module, rewriting, ...(linked ? { linked } : {}), ...(parts ? { parts } : {}) },
  };
}
