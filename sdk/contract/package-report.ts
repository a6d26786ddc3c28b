import type { Capability } from "./capabilities.ts";

/** What inspection, scan and rewriting say of an uploaded package. Part of the upload's answer. */

export interface ModuleImport {
  readonly module: string;
  readonly name: string;
  readonly kind: "function" | "table" | "memory" | "global" | "tag";
  readonly type?: string;
}

export interface ModuleExport {
  readonly name: string;
  readonly kind: ModuleImport["kind"];
  readonly type?: string;
}

export interface ModuleSummary {
  readonly bytes: number;
  readonly imports: readonly ModuleImport[];
  readonly exports: readonly ModuleExport[];
  /** Exports a caller may run: functions of type `() -> ()` or `() -> i32`, without runtime entry points. */
  readonly functions: readonly string[];
  /** Capabilities that the imports need. */
  readonly capabilities: readonly Capability[];
  /** True where an import may suspend the guest, so that calls can overlap in one isolate. */
  readonly suspends: boolean;
  readonly features: readonly string[];
  readonly memory: { readonly minimumPages: number; readonly maximumPages: number | null };
  readonly producers: readonly string[];
  readonly rewriting: RewritingSummary;
}

export interface RewritingSummary {
  readonly rewriterVersion: string;
  readonly costTableVersion: string;
  readonly backend: "register" | "global";
  readonly bytes: number;
  readonly functions: number;
  readonly checks: number;
  /** Pages the linear memory may grow to. */
  readonly memoryPages: number;
  readonly callDepth: number;
}

export type Severity = "critical" | "high" | "medium" | "low" | "info";

export interface Finding {
  /** Row of the scanner's rule table. */
  readonly rule: string;
  readonly severity: Severity;
  readonly message: string;
  /** Where: file in the package, import, export or section. Never the secret itself. */
  readonly evidence: string;
}

export interface ScanVerdict {
  /** `refused` where a finding is critical. */
  readonly verdict: "clean" | "warnings" | "refused";
  readonly findings: readonly Finding[];
  readonly scannerVersion: string;
}
