import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { parseManifestText, type Manifest } from "../../../../sdk/contract/manifest.ts";
import type { ScanVerdict } from "../../../../sdk/contract/package-report.ts";
import { moduleKey } from "../../../execution/module-store.ts";
import type { ModuleReport } from "../../../execution/metering/inspect.ts";
import type { RewriteReport } from "../../../execution/metering/rewrite.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import { openArchive } from "../archive/archive.ts";
import { digestOf, keepReceived, objectAccess, packageKey, putBlob, readObject } from "../blob-store.ts";
import type { StoredBytes } from "../incoming-store.ts";
import { describeBarePackage } from "../package-form.ts";
import { examineModule, isValidModule, type Examined } from "./examine.ts";
import type { Received } from "./receive.ts";

/**
 * From received bytes to stored blobs. An isolate has 128 MB: each function here holds one whole module and returns
 * without it, so that the module as uploaded is gone when the rewritten one is read back.
 */

/** A package whose manifest has been read. */
export interface Opened {
  readonly manifest: Manifest;
  /** SHA-256, hexadecimal. */
  readonly packageDigest: string;
  readonly packageBytes: number;
  /**
   * Examines the module, and stores package, module and rewritten module.
   *
   * @throws PlatformError MODULE_INVALID, MODULE_UNSUPPORTED, SCAN_REFUSED, MANIFEST_INVALID, ARCHIVE_INVALID
   */
  readonly accept: () => Promise<Accepted>;
}

export interface Accepted {
  readonly moduleDigest: string;
  readonly report: ModuleReport;
  readonly scan: ScanVerdict;
  readonly rewriting: RewriteReport;
  /** SHA-256 of the rewritten module, hexadecimal. */
  readonly rewrittenDigest: string;
}

/** @throws PlatformError ARCHIVE_INVALID, PACKAGE_TOO_LARGE, MANIFEST_INVALID */
export function openPackage(bucket: R2Bucket, received: Received): Promise<Opened> {
  return received.kind === "archive" ? openArchived(bucket, received.archive) : openBare(bucket, received);
}

async function openArchived(bucket: R2Bucket, received: StoredBytes): Promise<Opened> {
  const archive = await openArchive(objectAccess(bucket, received));
  const manifest = parseManifestText(archive.manifest);
  const { digest: packageDigest, size: packageBytes } = received;
  return {
    manifest,
    packageDigest,
    packageBytes,
    accept: async () => {
      const module = await archive.read(manifest.wasm);
      const examined = await examineModule({ manifest, module, files: archive.files, packageDigest });
      const keepPackage = keepReceived(bucket, received, packageKey(packageDigest));
      return keepModules(bucket, module, examined, keepPackage);
    },
  };
}

async function openBare(bucket: R2Bucket, received: Received & { kind: "module" }): Promise<Opened> {
  const manifest = parseManifestText(received.manifest);
  const description = describeBarePackage(received.manifest, received.module.digest);
  const packageDigest = await sha256Hex(description);
  return {
    manifest,
    packageDigest,
    packageBytes: received.manifest.length + received.module.size,
    accept: async () => {
      const module = await readObject(bucket, received.module);
      const examined = await examineModule({ manifest, module, files: [], packageDigest });
      const blob = { key: packageKey(packageDigest), digest: packageDigest, size: description.length };
      return keepModules(bucket, module, examined, putBlob(bucket, blob, description));
    },
  };
}

/**
 * Stores both forms of the module while the package is being stored. The rewriter runs twice, first for the digest:
 * that is cheaper than writing its output elsewhere first, and writes nothing where the store has it already.
 */
async function keepModules(
  bucket: R2Bucket,
  module: Uint8Array,
  { moduleDigest, report, scan, rewritten }: Examined,
  keepPackage: Promise<void>,
): Promise<Accepted> {
  const keepOriginal = putBlob(bucket, moduleBlob(moduleDigest, module.length), module);
  const keepRewritten = digestOf(rewritten.chunks).then(async (digest) => {
    const { rewriterVersion: rewriter, costTableVersion: costTable } = rewritten.report;
    const metadata = { rewriter, costTable, source: moduleDigest };
    await putBlob(bucket, moduleBlob(digest, rewritten.size), rewritten.chunks, metadata);
    return digest;
  });
  // All are waited for, so that nothing goes on behind a failure.
  await Promise.allSettled([keepPackage, keepOriginal, keepRewritten]);
  await keepPackage;
  await keepOriginal;
  return { moduleDigest, report, scan, rewriting: rewritten.report, rewrittenDigest: await keepRewritten };
}

function moduleBlob(digest: string, size: number): StoredBytes {
  return { key: moduleKey(digest), digest, size };
}

/**
 * Checks the rewritten module as the runtime will see it.
 *
 * @throws PlatformError INTERNAL where the rewriter made an invalid module of a valid one, a fault of ours: it is
 *   deleted again
 */
export async function proveRewritten(bucket: R2Bucket, accepted: Accepted): Promise<void> {
  const { rewrittenDigest, rewriting, moduleDigest } = accepted;
  if (isValidModule(await readObject(bucket, moduleBlob(rewrittenDigest, rewriting.outputBytes)))) return;
  await bucket.delete(moduleKey(rewrittenDigest));
  throw new PlatformError("INTERNAL", `Metering made an invalid module of ${moduleDigest}.`);
}
