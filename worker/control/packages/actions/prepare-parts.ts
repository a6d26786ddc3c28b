import { MAIN_MODULE } from "../../../../sdk/contract/linking.ts";
import type { Manifest } from "../../../../sdk/contract/manifest.ts";
import { encodePackageFiles } from "../../../../sdk/contract/package-files.ts";
import type { LinkedModule, ScanVerdict } from "../../../../sdk/contract/package-report.ts";
import type { PluginParts, StoredPart } from "../../../../sdk/contract/plugin-parts.ts";
import { filesKey } from "../../../execution/module-store.ts";
import { planCapacity, planLinks, type NamedModule } from "../../../execution/linking/plan.ts";
import { relayModule } from "../../../execution/linking/relay.ts";
import { rewriteModule, type MeteringPolicy, type RewriteReport } from "../../../execution/metering/rewrite.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import type { Archive } from "../archive/archive.ts";
import { putBlob } from "../blob-store.ts";
import { requireModules, selectFiles } from "../file-rules.ts";
import { callableFunctions, summariseModule } from "../module-report.ts";
import {
  memoryPagesFor,
  requireFitting,
  requireFunctions,
  requireReportable,
  requireScanned,
} from "../package-rules.ts";
import { scanData } from "../scan-module.ts";
import { scanPackage } from "../scan.ts";
import type { ScannedModule } from "../scanned-module.ts";
import { inspectValid, meteringPolicy, refusing } from "./examine.ts";
import { keepModule, type Accepted } from "./keep.ts";

/**
 * Packages of several modules, or with files. Modules are read again for each step, so that no more than one is held at
 * once: an isolate has 128 MB, and a package may have more.
 */

export interface PartsCandidate {
  readonly archive: Archive;
  readonly manifest: Manifest;
  readonly packageDigest: string;
}

interface Inspected extends ScannedModule {
  readonly moduleDigest: string;
}

/** A module with what the package allows it. */
interface Planned extends Inspected {
  readonly policy: MeteringPolicy;
}

interface Kept extends Planned {
  readonly rewriting: RewriteReport;
  readonly rewrittenDigest: string;
}

/**
 * Checks all modules and their imports from each other, then stores everything. Nothing is stored of what is refused.
 *
 * @throws PlatformError MODULE_INVALID, MODULE_UNSUPPORTED, SCAN_REFUSED, MANIFEST_INVALID, ARCHIVE_INVALID
 */
export async function acceptParts(
  bucket: R2Bucket,
  candidate: PartsCandidate,
  keepPackage: () => Promise<void>,
): Promise<Accepted> {
  const { archive, manifest } = candidate;
  requireModules(manifest, archive.files);
  const selected = selectFiles(manifest, archive.files).map(({ path }) => path);
  const inspected = await inspectAll(archive, manifest);
  const scan = judge(candidate, inspected);
  const { planned, relay, order, sparePages } = plan(manifest, inspected);
  await requireAllFitting(archive, planned);

  const kept: Kept[] = [];
  for (const module of planned) kept.push(await keepRewritten(bucket, await archive.read(module.path), module));
  const relayPart = relay && (await keepRelay(bucket, relay, meteringPolicy(manifest)));
  const files = selected.length > 0 ? await keepFiles(bucket, archive, selected) : null;
  await keepPackage();
  const parts = await describeParts({ order, kept, relay: relayPart ?? null, sparePages, files });
  return acceptedOf(kept, scan, parts, files && { paths: [...selected].sort(), bytes: files.contentBytes });
}

async function inspectAll(archive: Archive, { wasm, modules }: Manifest): Promise<Inspected[]> {
  const inspected: Inspected[] = [];
  for (const { name, wasm: path } of [{ name: MAIN_MODULE, wasm }, ...modules]) {
    const bytes = await archive.read(path);
    const report = inspectValid(bytes, subject(name));
    inspected.push({ name, path, report, data: scanData(bytes, path), moduleDigest: await sha256Hex(bytes) });
    requireReportable(inspected.map((module) => module.report));
  }
  return inspected;
}

function judge({ archive, manifest, packageDigest }: PartsCandidate, modules: readonly Inspected[]): ScanVerdict {
  const scan = scanPackage({
    manifest,
    modules,
    files: archive.files,
    digests: [packageDigest, ...modules.map(({ moduleDigest }) => moduleDigest)],
    memoryPages: memoryPagesFor(manifest),
  });
  requireScanned(scan);
  const [main] = modules;
  if (main) requireFunctions(manifest, callableFunctions(main.report));
  return scan;
}

interface Plan {
  readonly planned: readonly Planned[];
  readonly order: readonly string[];
  readonly sparePages: number;
  readonly relay: Uint8Array | undefined;
}

function plan(manifest: Manifest, inspected: readonly Inspected[]): Plan {
  const whole = meteringPolicy(manifest);
  if (inspected.length === 1) {
    const planned = inspected.map((module) => ({ ...module, policy: whole }));
    return { planned, order: [], sparePages: 0, relay: undefined };
  }
  const { order, relayed } = planLinks(inspected satisfies readonly NamedModule[]);
  const { shares, sparePages } = planCapacity(
    inspected.map(({ report }) => report),
    whole,
  );
  const planned = inspected.map((module, at) => {
    return { ...module, policy: { ...whole, ...shares[at], sharedCounters: true } };
  });
  return { planned, order, sparePages, relay: relayed.length > 0 ? relayModule(relayed) : undefined };
}

/** The rewriter measures before it writes. */
async function requireAllFitting(archive: Archive, planned: readonly Planned[]): Promise<void> {
  let bytes = 0;
  for (const { name, path, policy } of planned) {
    const module = await archive.read(path);
    bytes += refusing(() => rewriteModule(module, policy), subject(name)).size;
    requireFitting(bytes, planned.length);
  }
}

async function keepRewritten(bucket: R2Bucket, bytes: Uint8Array, module: Planned): Promise<Kept> {
  const { moduleDigest, policy } = module;
  const rewritten = refusing(() => rewriteModule(bytes, policy), subject(module.name));
  const rewrittenDigest = await keepModule(bucket, { bytes, moduleDigest }, rewritten);
  return { ...module, rewriting: rewritten.report, rewrittenDigest };
}

async function keepRelay(bucket: R2Bucket, bytes: Uint8Array, whole: MeteringPolicy): Promise<StoredPart> {
  // Its table is filled by the host, so it must be seen, and is as large as it will ever be.
  const { callDepth } = whole;
  const policy = { memoryPages: 0, tableElements: bytes.length, callDepth, keepNames: false, sharedCounters: true };
  const rewritten = rewriteModule(bytes, policy);
  const digest = await keepModule(bucket, { bytes, moduleDigest: await sha256Hex(bytes) }, rewritten);
  return { digest, bytes: rewritten.size };
}

async function keepFiles(
  bucket: R2Bucket,
  archive: Archive,
  paths: readonly string[],
): Promise<StoredPart & { readonly contentBytes: number }> {
  const contents = await archive.readAll(new Set(paths));
  const files = [...contents].map(([path, bytes]) => ({ path, bytes }));
  const blob = encodePackageFiles(files);
  const digest = await sha256Hex(blob);
  await putBlob(bucket, { key: filesKey(digest), digest, size: blob.length }, blob);
  return { digest, bytes: blob.length, contentBytes: files.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}

interface PartsContent {
  readonly order: readonly string[];
  readonly kept: readonly Kept[];
  readonly relay: StoredPart | null;
  readonly sparePages: number;
  readonly files: StoredPart | null;
}

async function describeParts({ order, kept, relay, sparePages, files }: PartsContent): Promise<PluginParts> {
  const modules = order.flatMap((name) =>
    kept
      .filter((module) => module.name === name)
      .map(({ rewrittenDigest, rewriting }) => ({ name, digest: rewrittenDigest, bytes: rewriting.outputBytes })),
  );
  const content = { modules, relay, sparePages, files: files && { digest: files.digest, bytes: files.bytes } };
  return { digest: await sha256Hex(JSON.stringify(content)), ...content };
}

function acceptedOf(
  kept: readonly Kept[],
  scan: ScanVerdict,
  parts: PluginParts,
  files: Accepted["files"] | null,
): Accepted {
  const [main, ...others] = kept;
  if (main === undefined) throw new Error("A package has a main module.");
  const { moduleDigest, report, rewriting, rewrittenDigest } = main;
  const linked = others.map((module): LinkedModule => ({
    name: module.name,
    path: module.path,
    moduleDigest: module.moduleDigest,
    rewrittenDigest: module.rewrittenDigest,
    module: summariseModule(module.report, module.rewriting),
  }));
  return { moduleDigest, report, scan, rewriting, rewrittenDigest, linked, parts, ...(files ? { files } : {}) };
}

/** A module as the subject of an error. */
function subject(name: string): string {
  return name === MAIN_MODULE ? "The module" : `The module "${name}"`;
}
