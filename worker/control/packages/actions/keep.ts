import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { LinkedModule, ReadableFiles, ScanVerdict } from "../../../../sdk/contract/package-report.ts";
import type { PluginParts, StoredPart } from "../../../../sdk/contract/plugin-parts.ts";
import { moduleKey } from "../../../execution/module-store.ts";
import type { ModuleReport } from "../../../execution/metering/inspect.ts";
import type { RewriteReport, RewrittenModule } from "../../../execution/metering/rewrite.ts";
import { digestOf, putBlob, readObject } from "../blob-store.ts";
import type { StoredBytes } from "../incoming-store.ts";
import { isValidModule } from "./examine.ts";

/** A package whose modules are stored. */
export interface Accepted {
  readonly moduleDigest: string;
  readonly report: ModuleReport;
  readonly scan: ScanVerdict;
  readonly rewriting: RewriteReport;
  /** SHA-256 of the rewritten module, hexadecimal. */
  readonly rewrittenDigest: string;
  /** Modules beside the main one, whose values stand above; undefined where the package is one module without files. */
  readonly linked?: readonly LinkedModule[];
  readonly files?: ReadableFiles;
  readonly parts?: PluginParts;
}

export interface OriginalModule {
  readonly bytes: Uint8Array;
  readonly moduleDigest: string;
}

/**
 * Stores both forms of a module. The rewriter runs twice, first for the digest: that is cheaper than writing its output
 * elsewhere first, and writes nothing where the store has it already.
 *
 * @returns digest of the rewritten module
 */
export async function keepModule(
  bucket: R2Bucket,
  { bytes, moduleDigest }: OriginalModule,
  rewritten: RewrittenModule,
): Promise<string> {
  const keepOriginal = putBlob(bucket, moduleBlob(moduleDigest, bytes.length), bytes);
  const keepRewritten = digestOf(rewritten.chunks).then(async (digest) => {
    const { rewriterVersion: rewriter, costTableVersion: costTable } = rewritten.report;
    const metadata = { rewriter, costTable, source: moduleDigest };
    await putBlob(bucket, moduleBlob(digest, rewritten.size), rewritten.chunks, metadata);
    return digest;
  });
  // Both are waited for, so that nothing goes on behind a failure.
  await Promise.allSettled([keepOriginal, keepRewritten]);
  await keepOriginal;
  return await keepRewritten;
}

function moduleBlob(digest: string, size: number): StoredBytes {
  return { key: moduleKey(digest), digest, size };
}

/**
 * Checks the rewritten modules as the runtime will see them.
 *
 * @throws PlatformError INTERNAL where the rewriter made an invalid module of a valid one, a fault of ours: it is
 *   deleted again
 */
export async function proveRewritten(bucket: R2Bucket, accepted: Accepted): Promise<void> {
  for (const { digest, bytes } of rewrittenModules(accepted)) {
    if (isValidModule(await readObject(bucket, moduleBlob(digest, bytes)))) continue;
    await bucket.delete(moduleKey(digest));
    throw new PlatformError("INTERNAL", `Metering made the invalid module ${digest} of ${accepted.moduleDigest}.`);
  }
}

function rewrittenModules({ rewrittenDigest, rewriting, parts }: Accepted): readonly StoredPart[] {
  const { modules = [], relay = null } = parts ?? {};
  if (modules.length === 0) return [{ digest: rewrittenDigest, bytes: rewriting.outputBytes }];
  return relay ? [...modules, relay] : modules;
}
