import type { Capability } from "./capabilities.ts";
import type { PluginParts } from "./plugin-parts.ts";

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
  /** Present where it reads or writes piece by piece. */
  readonly streams?: true;
  readonly features: readonly string[];
  readonly memory: { readonly minimumPages: number; readonly maximumPages: number | null };
  readonly producers: readonly string[];
  readonly rewriting: RewritingSummary;
  /** Undefined where the package has the main module only. */
  readonly linked?: readonly LinkedModule[];
  readonly files?: ReadableFiles;
  /** What an isolate needs beside the main module. */
  readonly parts?: PluginParts;
}

/** A module of a package beside the main one. */
export interface LinkedModule {
  /** Name that others import from. */
  readonly name: string;
  /** Path in the package. */
  readonly path: string;
  /** SHA-256 of the module as uploaded and as it runs, hexadecimal. */
  readonly moduleDigest: string;
  readonly rewrittenDigest: string;
  readonly module: Omit<ModuleSummary, "linked" | "files" | "parts">;
}

/** Files that the plugin may read. */
export interface ReadableFiles {
  readonly paths: readonly string[];
  /** Bytes of all of them. */
  readonly bytes: number;
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
  /** Rewriter that would not take the module any more: it runs on as an older one made it. */
  readonly refusedBy?: string;
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
