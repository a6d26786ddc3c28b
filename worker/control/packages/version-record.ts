import type { Manifest } from "../../../sdk/contract/manifest.ts";
import type { ModuleSummary, ScanVerdict } from "../../../sdk/contract/package-report.ts";

/** A stored version of a plugin: manifest, digests, what inspection, scan and rewriting said. */
export interface VersionRecord {
  /** ULID. */
  readonly id: string;
  readonly tenantId: string;
  readonly pluginId: string;
  readonly version: string;
  readonly manifest: Manifest;
  /** SHA-256, hexadecimal, as all digests here. */
  readonly packageDigest: string;
  readonly packageBytes: number;
  readonly moduleDigest: string;
  readonly rewrittenDigest: string;
  readonly rewriterVersion: string;
  readonly module: ModuleSummary;
  readonly scan: ScanVerdict;
  readonly state: "validated" | "quarantined";
  readonly uploadedBy: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Since when its owner has withdrawn it, and why; both null where it is not. */
  readonly yankedAt: number | null;
  readonly yankReason: string | null;
}

/** A version without manifest and reports, which can be large. */
export interface VersionSummary extends Pick<
  VersionRecord,
  | "id"
  | "tenantId"
  | "pluginId"
  | "version"
  | "packageDigest"
  | "packageBytes"
  | "state"
  | "uploadedBy"
  | "createdAt"
  | "yankedAt"
  | "yankReason"
> {
  readonly verdict: ScanVerdict["verdict"];
}
