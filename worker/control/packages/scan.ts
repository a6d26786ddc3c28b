import type { Manifest } from "../../../sdk/contract/manifest.ts";
import type { Finding, ScanVerdict, Severity } from "../../../sdk/contract/package-report.ts";
import type { ModuleReport } from "../../execution/metering/inspect.ts";
import type { ArchiveFile } from "./archive/archive.ts";
import { scanFiles } from "./scan-files.ts";
import { scanCapabilities, scanData, scanImports, scanShape } from "./scan-module.ts";
import { finding, KNOWN_BAD_DIGESTS, SCANNER_VERSION, type ScanRule } from "./scan-rules.ts";

export interface ScanInput {
  readonly manifest: Manifest;
  readonly report: ModuleReport;
  readonly module: Uint8Array;
  /** Everything in the package, the module too. */
  readonly files: readonly ArchiveFile[];
  /** SHA-256 of the package and of the module, hexadecimal. */
  readonly digests: readonly string[];
  /** Pages that the plugin's linear memory may have. */
  readonly memoryPages: number;
}

const SEVERITIES: readonly Severity[] = ["critical", "high", "medium", "low", "info"];
/** Of one rule; a module with a thousand wrong imports needs no thousand lines. */
const FINDINGS_PER_RULE = 20;

/** Looks at everything in a package without running it. Findings come most severe first. */
export function scanPackage(input: ScanInput): ScanVerdict {
  const findings = [
    ...scanDigests(input.digests),
    ...scanImports(input.report),
    ...scanShape(input.report, input.memoryPages),
    ...scanCapabilities(input.report, input.manifest),
    ...scanData(input.module, input.manifest.wasm),
    ...scanFiles(input.files, input.manifest.wasm),
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
