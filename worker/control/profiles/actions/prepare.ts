import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../../sdk/contract/identifiers.ts";
import { MAIN_MODULE } from "../../../../sdk/contract/linking.ts";
import type { Deps } from "../../../deps.ts";
import { planCapacity } from "../../../execution/linking/plan.ts";
import { readFunctionNames, type NamedFunctions } from "../../../execution/metering/function-names.ts";
import { inspectModule, type ModuleReport } from "../../../execution/metering/inspect.ts";
import {
  COST_TABLE_VERSION,
  REWRITER_VERSION,
  rewriteModule,
  type MeteringPolicy,
} from "../../../execution/metering/rewrite.ts";
import { moduleKey, readModule } from "../../../execution/module-store.ts";
import type { SnapshotInstall } from "../../../execution/snapshot.ts";
import type { Actor } from "../../../lib/actor.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import { isValidModule, meteringPolicy, refusing } from "../../packages/actions/examine.ts";
import { archiveFormat, openArchive } from "../../packages/archive/archive.ts";
import { digestOf, objectAccess, packageKey, putBlob } from "../../packages/blob-store.ts";
import { requireFitting } from "../../packages/package-rules.ts";
import { findVersion } from "../../packages/store.ts";
import type { VersionRecord } from "../../packages/version-record.ts";
import { placesOf, SOURCE_MAP_BYTES, sourceMapPaths } from "../source-map-rules.ts";
import { findProfiledPackage, keepProfiledPackage, type ProfiledModule, type ProfiledPackage } from "../store.ts";

export type PrepareDeps = Pick<Deps, "db"> & { readonly env: Pick<Env, "STORE"> };

/** Changes whenever the same module gives another profiled one, or other notes of it. */
const PROFILE_VERSION = "1";

/**
 * The profiled form of an install's modules: made from these as uploaded when it is first asked for, and stored.
 *
 * @throws {PlatformError} VERSION_NOT_FOUND where the package is not stored; MODULE_UNAVAILABLE, INTEGRITY_FAILED;
 *   MODULE_UNSUPPORTED where the profiled form is too large
 */
export async function prepareProfile(
  deps: PrepareDeps,
  actor: Actor,
  install: Pick<SnapshotInstall, "pluginId" | "version" | "rewrittenDigest">,
): Promise<ProfiledPackage> {
  const { STORE: bucket } = deps.env;
  const version = await requireVersion(deps, actor, install);
  const key = await profileNoteOf(version);
  const known = await findProfiledPackage(bucket, key);
  if (known) return known;
  const made = await make(bucket, version);
  await keepProfiledPackage(bucket, key, made);
  return made;
}

/** Under what the notes of a version's profiled form are kept, where it was made. */
export function profileNoteOf({
  moduleDigest,
  packageDigest,
  manifest,
}: Pick<VersionRecord, "moduleDigest" | "packageDigest" | "manifest">): Promise<string> {
  const versions = [PROFILE_VERSION, REWRITER_VERSION, COST_TABLE_VERSION];
  const policy = meteringPolicy(manifest);
  return sha256Hex(JSON.stringify([moduleDigest, packageDigest, manifest.wasm, policy, ...versions]));
}

/** The version that the install runs, of the tenant itself or of the platform's built-ins. */
async function requireVersion(
  { db }: PrepareDeps,
  { tenantId }: Actor,
  { pluginId, version, rewrittenDigest }: Parameters<typeof prepareProfile>[2],
): Promise<VersionRecord> {
  const owners = [...new Set([tenantId, PLATFORM_TENANT])];
  const found = await Promise.all(owners.map((owner) => findVersion(db, [owner], pluginId, version)));
  const stored = found.filter((record) => record !== undefined);
  // A module that was metered again since has another digest, and the same original.
  const record = stored.find((candidate) => candidate.rewrittenDigest === rewrittenDigest) ?? stored[0];
  if (record) return record;
  throw new PlatformError("VERSION_NOT_FOUND", `Version ${version} of "${pluginId}" is not stored any more.`);
}

/** A module of the package, and how the upload has metered it. */
interface Source {
  readonly name: string;
  readonly path: string;
  readonly moduleDigest: string;
  readonly policy: MeteringPolicy;
}

async function make(bucket: R2Bucket, version: VersionRecord): Promise<ProfiledPackage> {
  const sources = await sourcesOf(bucket, version);
  const modules: ProfiledModule[] = [];
  let [bytes, firstFunction] = [0, 0];
  for (const source of sources) {
    const { digest, size, named } = await rewriteForProfile(bucket, source, firstFunction);
    await proveProfiled(bucket, digest, source);
    bytes += size;
    requireFitting(bytes, sources.length);
    const { names, importedFunctions } = named;
    firstFunction += names.length;
    const places = await placeFunctions(bucket, version, source.path, named);
    modules.push({ name: source.name, digest, names, importedFunctions, ...places });
  }
  return { modules };
}

/** The main module first. */
async function sourcesOf(bucket: R2Bucket, { moduleDigest, manifest, module }: VersionRecord): Promise<Source[]> {
  const policy = meteringPolicy(manifest);
  const main = { name: MAIN_MODULE, path: manifest.wasm, moduleDigest };
  const linked = module.linked ?? [];
  if (linked.length === 0) return [{ ...main, policy }];
  const all = [main, ...linked];
  const reports: ModuleReport[] = [];
  for (const part of all) {
    const bytes = await readModule(bucket, part.moduleDigest);
    reports.push(refusing(() => inspectModule(bytes)));
  }
  const { shares } = planCapacity(reports, policy);
  return all.map(({ name, path, moduleDigest: digest }, at) => {
    return { name, path, moduleDigest: digest, policy: { ...policy, ...shares[at], sharedCounters: true } };
  });
}

interface Rewritten {
  readonly digest: string;
  readonly size: number;
  readonly named: NamedFunctions;
}

/** Returns without the module, which may be large, so that the profiled one can be read back. */
async function rewriteForProfile(
  bucket: R2Bucket,
  { moduleDigest, policy }: Source,
  firstFunction: number,
): Promise<Rewritten> {
  const module = await readModule(bucket, moduleDigest);
  const named = refusing(() => readFunctionNames(module));
  const { size, chunks } = refusing(() => rewriteModule(module, { ...policy, profile: { firstFunction } }));
  requireFitting(size);
  const digest = await digestOf(chunks);
  await putBlob(bucket, { key: moduleKey(digest), digest, size }, chunks, { profileOf: moduleDigest });
  return { digest, size, named };
}

/** @throws {PlatformError} INTERNAL where the rewriter made an invalid module of a valid one, a fault of ours */
async function proveProfiled(bucket: R2Bucket, digest: string, { moduleDigest }: Source): Promise<void> {
  if (isValidModule(await readModule(bucket, digest))) return;
  await bucket.delete(moduleKey(digest));
  throw new PlatformError("INTERNAL", `Profiling made an invalid module of ${moduleDigest}.`);
}

/** By the source map in the package, where there is one. */
async function placeFunctions(
  bucket: R2Bucket,
  { packageDigest }: VersionRecord,
  wasm: string,
  { bodies, sourceMapUrl }: NamedFunctions,
): Promise<Pick<ProfiledModule, "sourceMap" | "files" | "places">> {
  const key = packageKey(packageDigest);
  const head = await bucket.head(key);
  if (!head) return NOT_PLACED;
  const access = objectAccess(bucket, { key, digest: packageDigest, size: head.size });
  if (!archiveFormat(await access.read(0, Math.min(4, access.size)))) return NOT_PLACED; // a bare module
  const archive = await openArchive(access);
  const path = sourceMapPaths(wasm, sourceMapUrl).find((candidate) =>
    archive.files.some((file) => file.path === candidate && file.bytes <= SOURCE_MAP_BYTES),
  );
  if (path === undefined) return NOT_PLACED;
  const { files, places } = placesOf(new TextDecoder().decode(await archive.read(path)), bodies);
  return { sourceMap: path, files, places };
}

const NOT_PLACED = { sourceMap: null, files: [], places: [] } as const;
