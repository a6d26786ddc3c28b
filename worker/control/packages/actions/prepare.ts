import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { parseManifestText, type Manifest } from "../../../../sdk/contract/manifest.ts";
import type { ScanVerdict } from "../../../../sdk/contract/package-report.ts";
import { moduleKey } from "../../../execution/module-store.ts";
import type { ModuleReport } from "../../../execution/metering/inspect.ts";
import type { RewriteReport, RewrittenModule } from "../../../execution/metering/rewrite.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import { openArchive } from "../archive/archive.ts";
import { digestOf, keepReceived, objectAccess, packageKey, putBlob, readObject } from "../blob-store.ts";
import type { IncomingArea, StoredBytes } from "../incoming-store.ts";
import { canonicalPackage } from "../package-form.ts";
import { examineModule, isValidModule, type Examined } from "./examine.ts";
import type { Received } from "./receive.ts";

/**
 * From received bytes to stored blobs. An isolate has 128 MB: each function here holds one whole module and returns
 * without it, so that the module as uploaded is gone when the rewritten one is read back.
 */

/** Module and rewritten module together, up to which both are held at once. */
const IN_MEMORY_BYTES = 32 * 1024 * 1024;

/** A package whose manifest has been read. */
export interface Opened {
  readonly manifest: Manifest;
  /** SHA-256, hexadecimal. */
  readonly packageDigest: string;
  readonly packageBytes: number;
  /**
   * Examines the module, stores package and module, and writes the rewritten module under `incoming/`.
   *
   * @throws PlatformError MODULE_INVALID, MODULE_UNSUPPORTED, SCAN_REFUSED, MANIFEST_INVALID, ARCHIVE_INVALID
   */
  readonly accept: (area: IncomingArea) => Promise<Accepted>;
}

/** A rewritten module on its way to its digest's key: in memory where it is small, else under `incoming/`. */
export type Rewritten = { readonly digest: string; readonly size: number } & (
  { readonly bytes: Uint8Array } | { readonly key: string }
);

export interface Accepted {
  readonly moduleDigest: string;
  readonly report: ModuleReport;
  readonly scan: ScanVerdict;
  readonly rewriting: RewriteReport;
  readonly rewritten: Rewritten;
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
    accept: async (area) => {
      const module = await archive.read(manifest.wasm);
      const examined = await examineModule({ manifest, module, files: archive.files, packageDigest });
      const keepPackage = keepReceived(bucket, received, packageKey(packageDigest));
      return keepModule(bucket, area, module, examined, keepPackage);
    },
  };
}

async function openBare(bucket: R2Bucket, received: Received & { kind: "module" }): Promise<Opened> {
  const manifest = parseManifestText(received.manifest);
  const readPieces = async (): Promise<{ module: Uint8Array; pieces: readonly Uint8Array[] }> => {
    const module = await readObject(bucket, received.module);
    return { module, pieces: canonicalPackage(received.manifest, module, manifest.wasm) };
  };
  const { digest: packageDigest, size: packageBytes } = await readPieces().then(({ pieces }) => measure(pieces));
  return {
    manifest,
    packageDigest,
    packageBytes,
    accept: async (area) => {
      const { module, pieces } = await readPieces();
      const examined = await examineModule({ manifest, module, files: [], packageDigest });
      const blob = { key: packageKey(packageDigest), digest: packageDigest, size: packageBytes };
      return keepModule(bucket, area, module, examined, putBlob(bucket, blob, pieces));
    },
  };
}

async function measure(pieces: readonly Uint8Array[]): Promise<{ digest: string; size: number }> {
  return { digest: await digestOf(pieces), size: pieces.reduce((sum, piece) => sum + piece.length, 0) };
}

/** Stores package and module while the module is rewritten: the store's time and the processor's overlap. */
async function keepModule(
  bucket: R2Bucket,
  area: IncomingArea,
  module: Uint8Array,
  { moduleDigest, report, scan, rewritten }: Examined,
  keepPackage: Promise<void>,
): Promise<Accepted> {
  const blob = { key: moduleKey(moduleDigest), digest: moduleDigest, size: module.length };
  const [result] = await settled(writeRewritten(area, module, rewritten), putBlob(bucket, blob, [module]), keepPackage);
  return { moduleDigest, report, scan, rewriting: rewritten.report, rewritten: result };
}

/** Waits for all, so that nothing goes on behind a failure; then throws the first one. */
async function settled<T>(first: Promise<T>, ...others: Promise<void>[]): Promise<[T]> {
  await Promise.allSettled([first, ...others]);
  await Promise.all(others);
  return [await first];
}

async function writeRewritten(area: IncomingArea, module: Uint8Array, rewritten: RewrittenModule): Promise<Rewritten> {
  const { size } = rewritten;
  if (module.length + size <= IN_MEMORY_BYTES) {
    const bytes = new Uint8Array(size);
    let filled = 0;
    for (const chunk of rewritten.chunks) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return { digest: await sha256Hex(bytes), size, bytes };
  }
  const writer = area.writer();
  for (const chunk of rewritten.chunks) await writer.write(chunk);
  return writer.finish();
}

/**
 * Checks the rewritten module as the runtime will see it, and stores it under its digest.
 *
 * @throws PlatformError INTERNAL where the rewriter made an invalid module of a valid one: a fault of ours
 */
export async function keepRewritten(bucket: R2Bucket, { rewritten, rewriting, moduleDigest }: Accepted): Promise<void> {
  const module = "bytes" in rewritten ? rewritten.bytes : await readObject(bucket, rewritten);
  if (!isValidModule(module)) {
    throw new PlatformError("INTERNAL", `Metering made an invalid module of ${moduleDigest}.`);
  }
  const blob = { key: moduleKey(rewritten.digest), digest: rewritten.digest, size: rewritten.size };
  await putBlob(bucket, blob, [module], {
    rewriter: rewriting.rewriterVersion,
    costTable: rewriting.costTableVersion,
    source: moduleDigest,
  });
}
