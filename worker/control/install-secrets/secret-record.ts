export type SecretKind = "webhook-signing" | "oauth-client";

/** Whose a secret is, and which. */
export interface SecretPlace {
  readonly tenantId: string;
  readonly installId: string;
  readonly kind: SecretKind;
  /** Of those of one kind; empty where there is one. */
  readonly name: string;
}

/** A secret as the database holds it. */
export interface InstallSecret extends SecretPlace {
  /** Sealed with DATA_KEYS, in base64. */
  readonly sealed: string;
  /** What may be shown. */
  readonly detail: Record<string, unknown>;
  /** Grows with each change, from 1. */
  readonly revision: number;
  readonly updatedBy: string;
  readonly updatedAt: number;
}
