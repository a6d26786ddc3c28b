import { PlatformError, type Issue } from "../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { jsonPointer, type JsonReading } from "../../../sdk/contract/json-text.ts";
import { LIMITS, PACKAGE_LIMITS, WASM_PAGE_BYTES } from "../../../sdk/contract/limits.ts";
import { manifestInvalid, type Manifest } from "../../../sdk/contract/manifest.ts";
import type { Validation } from "../../../sdk/contract/payloads/validate-payload.ts";
import { caseIssues, parseCases } from "../../../sdk/contract/plugin-cases.ts";
import type { ScanVerdict } from "../../../sdk/contract/package-report.ts";
import { PLANS, type Plan } from "../../../sdk/contract/plans.ts";
import { engineAccepts, PLATFORM_VERSION } from "../../../sdk/contract/version.ts";
import type { ModuleReport } from "../../execution/metering/inspect.ts";
import { WasmRefusal } from "../../execution/metering/refusal.ts";

/** Decisions of the upload that need no store. */

/** Boundaries and headers of a form around its parts. */
const FORM_OVERHEAD_BYTES = 64 * 1024;

/** @throws PlatformError PACKAGE_TOO_LARGE where the request's length alone says that it is */
export function requireAnnouncedSize(contentLength: string | null): void {
  const announced = contentLength === null ? 0 : Number(contentLength);
  const most = PACKAGE_LIMITS.packageBytes + PACKAGE_LIMITS.manifestBytes + FORM_OVERHEAD_BYTES;
  if (announced > most) throw packageTooLarge(announced);
}

/** @param used  bytes announced, or seen so far */
export function packageTooLarge(used: number): PlatformError {
  const allowed = PACKAGE_LIMITS.packageBytes;
  return new PlatformError(
    "PACKAGE_TOO_LARGE",
    `The package is larger than ${allowed} bytes: ${used} were announced or read before the upload was refused.`,
    { limit: { name: "packageBytes", used, allowed } },
  );
}

/**
 * What of a manifest depends on who uploads, and to which platform.
 *
 * @throws PlatformError MANIFEST_INVALID
 */
export function requireUploadable(manifest: Manifest, tenantId: string): void {
  const issues: Issue[] = [];
  if (tenantId !== PLATFORM_TENANT && !manifest.id.includes(".")) {
    const message = `must be \`publisher.name\`, such as \`${tenantId}.${manifest.id}\`: ids without a dot are for built-in plugins`;
    issues.push({ path: "/id", message });
  }
  const engine = manifest.engines.patchbay;
  if (engine !== undefined && !engineAccepts(engine)) {
    issues.push({ path: "/engines/patchbay", message: `asks for ${engine}; this is Patchbay ${PLATFORM_VERSION}` });
  }
  if (issues.length > 0) throw manifestInvalid(issues);
}

/**
 * A module without an archive has nothing beside it.
 *
 * @throws PlatformError MANIFEST_INVALID
 */
export function requireOneModule({ modules, files }: Manifest): void {
  const message = "needs a package: upload an archive in which they are";
  const issues = [
    ...(modules.length > 0 ? [{ path: "/modules", message }] : []),
    ...(files.length > 0 ? [{ path: "/files", message }] : []),
  ];
  if (issues.length > 0) throw manifestInvalid(issues);
}

/**
 * Every function that the manifest names must be one that can be called.
 *
 * @throws PlatformError MANIFEST_INVALID
 */
export function requireFunctions(manifest: Manifest, functions: readonly string[]): void {
  const named: [path: string, name: string | undefined][] = [
    ["/defaultFunction", manifest.defaultFunction],
    ...Object.keys(manifest.functions ?? {}).map((name): [string, string] => [jsonPointer(["functions", name]), name]),
    ...manifest.hooks.map((hook, index): [string, string] => [`/hooks/${index}/function`, hook.function]),
    ...(manifest.api?.endpoints ?? []).map((endpoint, index): [string, string] => [
      `/api/endpoints/${index}/function`,
      endpoint.function,
    ]),
    ...(manifest.webhooks?.incoming ?? []).map((webhook, index): [string, string] => [
      `/webhooks/incoming/${index}/function`,
      webhook.function,
    ]),
    ...manifest.events.subscribes.map((entry, index): [string, string] => [
      `/events/subscribes/${index}/function`,
      entry.function,
    ]),
    ...manifest.middleware.map((entry, index): [string, string] => [`/middleware/${index}/function`, entry.function]),
    ...manifest.services.provides.map((entry, index): [string, string] => [
      `/services/provides/${index}/function`,
      entry.function,
    ]),
  ];
  const issues = named
    .filter(([, name]) => name !== undefined && !functions.includes(name))
    .map(([path, name]) => ({
      path,
      message: `names ${JSON.stringify(name)}; the module's callable exports are ${functions.join(", ")}`,
    }));
  if (issues.length > 0) throw manifestInvalid(issues);
}

/** Largest `cases.json` of a package that describes its functions, in bytes. */
export const CASES_BYTES = 1024 * 1024;

/**
 * @param read  `cases.json`; undefined where it is too large
 * @throws PlatformError MANIFEST_INVALID with pointers into `cases.json`
 */
export function requireCases(read: JsonReading | undefined, described: Omit<Validation, "mode">): void {
  const parsed = read && ("value" in read ? parseCases(read.value) : read);
  const issues = parsed
    ? "cases" in parsed
      ? caseIssues(parsed.cases, described)
      : parsed.issues
    : [{ path: "", message: `must have at most ${CASES_BYTES} bytes` }];
  const [first] = issues;
  if (!first) return;
  throw new PlatformError(
    "MANIFEST_INVALID",
    `cases.json does not fit the manifest: at ${first.path || "/"}: ${first.message}.`,
    {
      issues,
    },
  );
}

/** @throws PlatformError SCAN_REFUSED with the findings where one of them is critical */
export function requireScanned({ verdict, findings, scannerVersion }: ScanVerdict): void {
  if (verdict !== "refused") return;
  const critical = findings.filter(({ severity }) => severity === "critical");
  const more = critical.length > 1 ? ` (and ${critical.length - 1} more)` : "";
  throw new PlatformError("SCAN_REFUSED", `The scan refuses the package: ${critical[0]?.message ?? ""}${more}`, {
    members: { findings, scannerVersion },
  });
}

/** @throws PlatformError QUOTA_EXCEEDED */
export function requireRoom(plan: Plan, versions: number): void {
  const allowed = PLANS[plan].versions;
  if (versions < allowed) return;
  throw new PlatformError(
    "QUOTA_EXCEEDED",
    `The tenant has ${versions} plugin versions; the plan "${plan}" allows ${allowed}.`,
    { limit: { name: "versions", used: versions, allowed } },
  );
}

export function versionConflict(manifest: Manifest, known: string, found: string): PlatformError {
  return new PlatformError(
    "VERSION_CONFLICT",
    `Version ${manifest.version} of "${manifest.id}" exists with package digest ${known}; this one has ${found}. Raise the version.`,
    { members: { packageDigest: known } },
  );
}

/** Linear memory that the manifest asks for, in whole pages. */
export function memoryPagesFor(manifest: Manifest): number {
  return Math.floor((manifest.limits.memory ?? LIMITS.memory.default) / WASM_PAGE_BYTES);
}

/**
 * What the reader or rewriter of modules refused, as the platform's error. Other errors are returned as they are.
 *
 * @param subject  the module as the subject of a sentence
 */
export function moduleRefusal(error: unknown, subject: string): unknown {
  if (!(error instanceof WasmRefusal)) return error;
  const code = error.code === "WASM_MALFORMED" ? "MODULE_INVALID" : "MODULE_UNSUPPORTED";
  const what = code === "MODULE_INVALID" ? "is not valid" : "cannot be run here";
  return new PlatformError(code, `${subject} ${what}: ${error.message}.`, {
    members: { offset: error.offset, ...(error.feature === undefined ? {} : { feature: error.feature }) },
    cause: error,
  });
}

/**
 * @param rewrittenBytes  of all modules together
 * @throws PlatformError MODULE_UNSUPPORTED where the rewritten modules do not fit an isolate
 */
export function requireFitting(rewrittenBytes: number, modules = 1): void {
  const allowed = PACKAGE_LIMITS.rewrittenModuleBytes;
  if (rewrittenBytes <= allowed) return;
  throw new PlatformError(
    "MODULE_UNSUPPORTED",
    `${modules === 1 ? "The module has" : "The modules have"} ${rewrittenBytes} bytes once metered; the limit is ${allowed}.`,
    { limit: { name: "rewrittenModuleBytes", used: rewrittenBytes, allowed } },
  );
}

/** Imports, exports and tools of a module are kept in one row of the database, which holds 2 MB. */
const REPORT_MAX_BYTES = 256 * 1024;

/** @throws PlatformError MODULE_UNSUPPORTED where the modules name so much that it cannot be reported */
export function requireReportable(reports: readonly ModuleReport[]): void {
  const listed = reports.flatMap(({ imports, exports, producers }) => [imports, exports, producers]);
  const used = new TextEncoder().encode(JSON.stringify(listed)).length;
  if (used <= REPORT_MAX_BYTES) return;
  throw new PlatformError(
    "MODULE_UNSUPPORTED",
    `The list of the ${reports.length === 1 ? "module's" : "modules'"} imports, exports and tools has ${used} bytes; the limit is ${REPORT_MAX_BYTES}.`,
    { limit: { name: "moduleReportBytes", used, allowed: REPORT_MAX_BYTES } },
  );
}
