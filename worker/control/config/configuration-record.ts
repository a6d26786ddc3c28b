import type { Environment } from "../../../sdk/contract/config/environments.ts";
import type { JsonObject } from "../../../sdk/contract/config/json-values.ts";
import type { SealedValue } from "../../../sdk/contract/config/sealed-value.ts";

export type SealedSecrets = Readonly<Record<string, SealedValue>>;

/** A configuration as it is stored: values without secrets, and secrets sealed, by environment. */
export interface SealedDocument {
  readonly values: Partial<Readonly<Record<Environment, JsonObject>>>;
  readonly secrets: Partial<Readonly<Record<Environment, SealedSecrets>>>;
}

/** What a revision came from. */
export type ConfigChange = "installed" | "set" | "patched" | "rolled-back" | "migrated";

/** One revision of an install's configuration, without its content. */
export interface RevisionHead {
  readonly revision: number;
  /** Version of the plugin whose schema it fits. */
  readonly version: string;
  readonly environment: Environment | "all";
  readonly change: ConfigChange;
  readonly changed: readonly string[];
  readonly author: string;
  readonly createdAt: number;
}

export interface Revision extends RevisionHead {
  readonly document: SealedDocument;
}

/** Secrets that hold in an environment: its own before those that hold everywhere. */
export function secretsIn(document: Pick<SealedDocument, "secrets">, environment: Environment): SealedSecrets {
  return { ...document.secrets.default, ...document.secrets[environment] };
}
