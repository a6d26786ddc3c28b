import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Manifest } from "../../../../sdk/contract/manifest.ts";
import { LIMITS, PACKAGE_LIMITS } from "../../../../sdk/contract/limits.ts";
import { MAIN_MODULE } from "../../../../sdk/contract/linking.ts";
import type { ScanVerdict } from "../../../../sdk/contract/package-report.ts";
import { inspectModule, type ModuleReport } from "../../../execution/metering/inspect.ts";
import { rewriteModule, type MeteringPolicy, type RewrittenModule } from "../../../execution/metering/rewrite.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import type { ArchiveFile } from "../archive/archive.ts";
import { callableFunctions } from "../module-report.ts";
import {
  memoryPagesFor,
  moduleRefusal,
  requireFitting,
  requireFunctions,
  requireReportable,
  requireScanned,
} from "../package-rules.ts";
import { scanData } from "../scan-module.ts";
import { scanPackage } from "../scan.ts";

/** A module that may run here once it is metered. */
export interface Examined {
  readonly moduleDigest: string;
  readonly report: ModuleReport;
  readonly scan: ScanVerdict;
  readonly rewritten: RewrittenModule;
}

export interface Candidate {
  readonly manifest: Manifest;
  readonly module: Uint8Array;
  /** Everything in the package; empty for a bare module. */
  readonly files: readonly ArchiveFile[];
  readonly packageDigest: string;
}

/**
 * Validates, inspects, scans and rewrites a module, in this order: each step relies on those before it.
 *
 * @throws PlatformError MODULE_INVALID, MODULE_UNSUPPORTED, SCAN_REFUSED, MANIFEST_INVALID
 */
export async function examineModule({ manifest, module, files, packageDigest }: Candidate): Promise<Examined> {
  const report = inspectValid(module);
  requireReportable([report]);
  const moduleDigest = await sha256Hex(module);
  const memoryPages = memoryPagesFor(manifest);
  const main = { name: MAIN_MODULE, path: manifest.wasm, report, data: scanData(module, manifest.wasm) };
  const scan = scanPackage({
    manifest,
    modules: [main],
    files,
    digests: [packageDigest, moduleDigest],
    memoryPages,
  });
  requireScanned(scan);
  requireFunctions(manifest, callableFunctions(report));
  const rewritten = refusing(() => rewriteModule(module, meteringPolicy(manifest)));
  requireFitting(rewritten.size);
  return { moduleDigest, report, scan, rewritten };
}

/** How the modules of a package are metered, but for what they may take of memory and tables. */
export function meteringPolicy(manifest: Manifest): MeteringPolicy {
  return {
    memoryPages: memoryPagesFor(manifest),
    tableElements: manifest.limits.tableEntries ?? LIMITS.tableEntries.default,
    callDepth: manifest.limits.callDepth ?? LIMITS.callDepth.default,
    outputBytes: PACKAGE_LIMITS.rewrittenModuleBytes,
    keepNames: true,
    // No host function looks into a plugin's table; unseen ones make indirect calls cheaper.
    hideTables: true,
  };
}

/** The runtime judges validity; the inspection says what is wrong, where it can. */
export function inspectValid(module: Uint8Array, subject = "The module"): ModuleReport {
  const valid = isValidModule(module);
  const report = refusing(() => inspectModule(module), subject);
  if (!valid)
    throw new PlatformError("MODULE_INVALID", `${subject} is not valid: its types do not fit its instructions.`);
  return report;
}

export function isValidModule(module: Uint8Array): boolean {
  return WebAssembly.validate(module);
}

export function refusing<T>(work: () => T, subject = "The module"): T {
  try {
    return work();
  } catch (error) {
    const refusal = moduleRefusal(error, subject);
    throw refusal instanceof Error ? refusal : new Error(String(refusal));
  }
}
