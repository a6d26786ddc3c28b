import { parseManifestText, type Manifest } from "../../../../sdk/contract/manifest.ts";
import { CASES_FILE } from "../../../../sdk/contract/plugin-cases.ts";
import { readJson } from "../../../../sdk/contract/json-text.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import { openArchive, type Archive } from "../archive/archive.ts";
import { keepReceived, objectAccess, packageKey, putBlob, readObject } from "../blob-store.ts";
import type { StoredBytes } from "../incoming-store.ts";
import { describeBarePackage } from "../package-form.ts";
import { CASES_BYTES, requireCases, requireOneModule } from "../package-rules.ts";
import { examineModule, type Examined } from "./examine.ts";
import { keepModule, type Accepted } from "./keep.ts";
import { acceptParts } from "./prepare-parts.ts";
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
      await requireFittingCases(archive, manifest);
      const keepPackage = (): Promise<void> => keepReceived(bucket, received, packageKey(packageDigest));
      if (manifest.modules.length > 0 || manifest.files.length > 0) {
        return acceptParts(bucket, { archive, manifest, packageDigest }, keepPackage);
      }
      const module = await archive.read(manifest.wasm);
      const examined = await examineModule({ manifest, module, files: archive.files, packageDigest });
      return keepAll(bucket, module, examined, keepPackage());
    },
  };
}

/** @throws PlatformError MANIFEST_INVALID where the package's own cases do not fit what its manifest says of functions */
async function requireFittingCases(archive: Archive, { functions, types }: Manifest): Promise<void> {
  const file = functions && archive.files.find(({ path }) => path === CASES_FILE);
  if (!file) return;
  const read = file.bytes > CASES_BYTES ? undefined : readJson(await archive.read(CASES_FILE));
  requireCases(read, { functions, ...(types ? { types } : {}) });
}

async function openBare(bucket: R2Bucket, received: Received & { kind: "module" }): Promise<Opened> {
  const manifest = parseManifestText(received.manifest);
  requireOneModule(manifest);
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
      return keepAll(bucket, module, examined, putBlob(bucket, blob, description));
    },
  };
}

/** Stores the module while the package is being stored. */
async function keepAll(
  bucket: R2Bucket,
  bytes: Uint8Array,
  { moduleDigest, report, scan, rewritten }: Examined,
  keepPackage: Promise<void>,
): Promise<Accepted> {
  const keepModules = keepModule(bucket, { bytes, moduleDigest }, rewritten);
  // Both are waited for, so that nothing goes on behind a failure.
  await Promise.allSettled([keepPackage, keepModules]);
  await keepPackage;
  return { moduleDigest, report, scan, rewriting: rewritten.report, rewrittenDigest: await keepModules };
}
