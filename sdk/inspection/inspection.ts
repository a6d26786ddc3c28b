import type { ErrorCode, Issue } from "../contract/errors.ts";
import type { Manifest } from "../contract/manifest.ts";
import type {
  Finding,
  ModuleSummary,
  ReadableFiles,
  RewritingSummary,
  ScanVerdict,
} from "../contract/package-report.ts";

/** What an upload is made of: an archive, or a module and its manifest. */
export type PackageForm =
  | { readonly kind: "archive"; readonly archive: Uint8Array }
  | { readonly kind: "module"; readonly manifest: Uint8Array; readonly wasm: Uint8Array };

/** What an upload would be answered with. */
export type Inspection =
  | { readonly accepted: true; readonly manifest: Manifest; readonly version: InspectedVersion }
  | { readonly accepted: false; readonly problem: InspectionProblem };

/** The answer of an upload, without what only storing it says. */
export interface InspectedVersion extends Omit<ModuleSummary, "bytes" | "linked" | "files" | "parts" | "streams"> {
  readonly pluginId: string;
  readonly version: string;
  /** SHA-256, hexadecimal, as all digests here. */
  readonly packageDigest: string;
  readonly packageBytes: number;
  readonly moduleDigest: string;
  /** Of the module as it runs. */
  readonly rewrittenDigest: string;
  readonly moduleBytes: number;
  readonly scan: ScanVerdict;
  /** Modules beside the main one. */
  readonly modules: readonly InspectedModule[];
  readonly files: ReadableFiles | null;
}

export interface InspectedModule extends Pick<
  ModuleSummary,
  "imports" | "exports" | "features" | "producers" | "memory"
> {
  readonly name: string;
  readonly path: string;
  readonly moduleDigest: string;
  readonly rewrittenDigest: string;
  readonly moduleBytes: number;
  readonly rewriting: RewritingSummary;
}

/** A problem document (RFC 9457) without what only a request has. */
export interface InspectionProblem {
  readonly code: ErrorCode;
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly issues?: readonly Issue[];
  readonly limit?: { readonly name: string; readonly used: number; readonly allowed: number };
  /** Where the scan refuses. */
  readonly findings?: readonly Finding[];
}
