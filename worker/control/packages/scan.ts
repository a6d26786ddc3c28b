import type { Manifest } from "../../../sdk/contract/manifest.ts";
import type { Finding, ScanVerdict, Severity } from "../../../sdk/contract/package-report.ts";
import type { ArchiveFile } from "./archive/archive.ts";
import { scanFiles } from "./scan-files.ts";
import { scanUnusedModules } from "./scan-links.ts";
import { scanCapabilities, scanFunctions, scanImports, scanMemory, scanShape } from "./scan-module.ts";
import type { ScannedModule } from "./scanned-module.ts";
import { finding, KNOWN_BAD_DIGESTS, SCANNER_VERSION, type ScanRule } from "./scan-rules.ts";

export interface ScanInput {
  readonly manifest: Manifest;
  /** All modules of the package, the main one first. */
  readonly modules: readonly ScannedModule[];
  /** Everything in the package, the modules too. */
  readonly files: readonly ArchiveFile[];
  /** SHA-256 of the package and of the modules, hexadecimal. */
  readonly digests: readonly string[];
  /** Pages that the plugin's linear memories may have together. */
  readonly memoryPages: number;
}

const SEVERITIES: readonly Severity[] = ["critical", "high", "medium", "low", "info"];
/** Of one rule; a module with a thousand wrong imports needs no thousand lines. */
const FINDINGS_PER_RULE = 20;

/** Looks at everything in a package without running it. Findings come most severe first. */
export function scanPackage(input: ScanInput): ScanVerdict {
  const { modules, manifest } = input;
  const reports = modules.map(({ report }) => report);
  const findings = [
    ...scanDigests(input.digests),
    ...modules.flatMap((module) => scanImports(module, modules)),
    ...scanMemory(reports, input.memoryPages),
    ...scanFunctions(reports),
    ...modules.flatMap(scanShape),
    ...scanUnusedModules(modules),
    ...scanCapabilities(reports, manifest),
    ...modules.flatMap(({ data }) => data),
    ...scanFiles(input.files, new Set(modules.map(({ path }) => path))),
  ];
  const worst = (severity: Severity): boolean => findings.some((item) => item.severity === severity);
  return {
    verdict: worst("critical") ? "refused" : worst("high") || worst("medium") ? "warnings" : "clean",
    findings: bounded(findings).sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity)),
    scannerVersion: SCANNER_VERSION,
  };
}

function scanDigests(digests: readonly string[]): Finding[] {
  return digests.flatMap((digest) => {
    const what = KNOWN_BAD_DIGESTS[digest];
    return what === undefined
      ? []
      : [finding("digest-known-bad", `The package contains ${what}.`, `SHA-256 ${digest}`)];
  });
}

function bounded(findings: readonly Finding[]): Finding[] {
  const byRule = Map.groupBy(findings, ({ rule }) => rule);
  const kept: Finding[] = [];
  for (const [rule, found] of byRule) {
    kept.push(...found.slice(0, FINDINGS_PER_RULE));
    const rest = found.length - FINDINGS_PER_RULE;
    // The rule's name comes from finding(), which takes no other.
    if (rest > 0) kept.push(finding(rule as ScanRule, `${rest} more findings of this rule.`, ""));
  }
  return kept;
}
