import * as v from "valibot";
import { CAPABILITY_NAMES } from "../../../sdk/contract/capabilities.ts";
import { MANIFEST_FILE } from "../../../sdk/contract/manifest.ts";
import type { LinkedModule, Severity } from "../../../sdk/contract/package-report.ts";
import type { VersionRecord, VersionSummary } from "./version-record.ts";

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const bytes = v.pipe(count, v.description("Bytes"));
const digest = v.pipe(v.string(), v.description("SHA-256, hexadecimal"));

const kind = v.picklist(["function", "table", "memory", "global", "tag"]);
const signature = v.exactOptional(v.pipe(v.string(), v.description("Such as `(i64, i64) -> i64`; functions only")));
const severity = v.picklist(["critical", "high", "medium", "low", "info"] as const satisfies readonly Severity[]);
const verdict = v.picklist(["clean", "warnings", "refused"]);
const state = v.picklist(["validated", "quarantined"]);

const yank = {
  yankedAt: v.pipe(v.nullable(time), v.description("Since when its owner has withdrawn it; null: it is not")),
  yankReason: v.nullable(v.string()),
};

const ScanAnswer = v.object({
  verdict,
  findings: v.array(v.object({ rule: v.string(), severity, message: v.string(), evidence: v.string() })),
  scannerVersion: v.string(),
});

const RewritingAnswer = v.object({
  rewriterVersion: v.string(),
  costTableVersion: v.string(),
  backend: v.picklist(["register", "global"]),
  bytes,
  functions: count,
  checks: v.pipe(count, v.description("Places where the module checks its fuel")),
  memoryPages: v.pipe(count, v.description("Pages of 64 KiB that the linear memory may grow to")),
  callDepth: count,
  refusedBy: v.exactOptional(
    v.pipe(v.string(), v.description("A newer rewriter that refuses the module, which runs on as it is")),
  ),
});

const LinkedModuleAnswer = v.object({
  name: v.pipe(v.string(), v.description("Name that other modules import from")),
  path: v.string(),
  moduleDigest: digest,
  rewrittenDigest: digest,
  moduleBytes: bytes,
  imports: v.array(v.object({ module: v.string(), name: v.string(), kind, type: signature })),
  exports: v.array(v.object({ name: v.string(), kind, type: signature })),
  features: v.array(v.string()),
  producers: v.array(v.string()),
  memory: v.object({ minimumPages: count, maximumPages: v.nullable(count) }),
  rewriting: RewritingAnswer,
});

/** A version with all that was found out about its package. */
export const VersionAnswer = v.object({
  id: v.string(),
  pluginId: v.string(),
  version: v.string(),
  state,
  packageDigest: digest,
  packageBytes: bytes,
  moduleDigest: v.pipe(v.string(), v.description("SHA-256 of the module as uploaded")),
  rewrittenDigest: v.pipe(v.string(), v.description("SHA-256 of the module as it runs")),
  moduleBytes: bytes,
  imports: v.array(v.object({ module: v.string(), name: v.string(), kind, type: signature })),
  exports: v.array(v.object({ name: v.string(), kind, type: signature })),
  functions: v.pipe(v.array(v.string()), v.description("Exports that can be called")),
  capabilities: v.pipe(v.array(v.picklist(CAPABILITY_NAMES)), v.description("What the imports need")),
  suspends: v.pipe(v.boolean(), v.description("True where an import may suspend the plugin")),
  features: v.pipe(v.array(v.string()), v.description("WebAssembly features that the module uses")),
  producers: v.pipe(v.array(v.string()), v.description("Languages and tools, as the module tells them")),
  memory: v.object({ minimumPages: count, maximumPages: v.nullable(count) }),
  scan: ScanAnswer,
  rewriting: RewritingAnswer,
  modules: v.pipe(v.array(LinkedModuleAnswer), v.description("Modules beside the main one")),
  files: v.pipe(
    v.nullable(v.object({ paths: v.array(v.string()), bytes })),
    v.description("Files that the plugin may read"),
  ),
  uploadedBy: v.string(),
  createdAt: time,
  ...yank,
});

export const VersionListItem = v.object({
  id: v.string(),
  pluginId: v.string(),
  ownerTenantId: v.pipe(v.string(), v.description("Whose package it is: the tenant's own, or the platform's")),
  version: v.string(),
  state,
  verdict,
  packageDigest: digest,
  packageBytes: bytes,
  uploadedBy: v.string(),
  createdAt: time,
  ...yank,
});

/** Why a version is withdrawn. */
export const YankBody = v.strictObject({
  reason: v.pipe(
    v.string("must be a text"),
    v.trim(),
    v.minLength(1, "must say why"),
    v.maxLength(500, "must be at most 500 characters"),
  ),
});

/** The form of an upload, for the API description (OpenAPI 3.1 describes files as strings without a type of content). */
export const UPLOAD_FORM = {
  type: "object",
  description: "Either `package`, or `manifest` and `wasm`.",
  properties: {
    package: { type: "string", format: "binary", description: `ZIP or TAR.GZ with ${MANIFEST_FILE} at its root` },
    manifest: { type: "string", format: "binary", description: "manifest.json, UTF-8" },
    wasm: { type: "string", format: "binary", description: "WebAssembly module" },
  },
  oneOf: [{ required: ["package"] }, { required: ["manifest", "wasm"] }],
} as const;

/** A stored version as answers show it. */
export function describeVersion(record: VersionRecord): v.InferInput<typeof VersionAnswer> {
  const { module, scan } = record;
  return {
    id: record.id,
    pluginId: record.pluginId,
    version: record.version,
    state: record.state,
    packageDigest: record.packageDigest,
    packageBytes: record.packageBytes,
    moduleDigest: record.moduleDigest,
    rewrittenDigest: record.rewrittenDigest,
    moduleBytes: module.bytes,
    imports: [...module.imports],
    exports: [...module.exports],
    functions: [...module.functions],
    capabilities: [...module.capabilities],
    suspends: module.suspends,
    features: [...module.features],
    producers: [...module.producers],
    memory: { ...module.memory },
    scan: { ...scan, findings: [...scan.findings] },
    rewriting: { ...module.rewriting },
    modules: (module.linked ?? []).map(describeLinked),
    files: module.files ? { ...module.files, paths: [...module.files.paths] } : null,
    uploadedBy: record.uploadedBy,
    createdAt: record.createdAt,
    yankedAt: record.yankedAt,
    yankReason: record.yankReason,
  };
}

function describeLinked({ module, ...rest }: LinkedModule): v.InferInput<typeof LinkedModuleAnswer> {
  return {
    ...rest,
    moduleBytes: module.bytes,
    imports: [...module.imports],
    exports: [...module.exports],
    features: [...module.features],
    producers: [...module.producers],
    memory: { ...module.memory },
    rewriting: { ...module.rewriting },
  };
}

/** A version in a list. */
export function describeSummary({ tenantId, ...summary }: VersionSummary): v.InferInput<typeof VersionListItem> {
  return { ...summary, ownerTenantId: tenantId };
}
