import type { Environment } from "./environments.ts";

/** A secret of a configuration as it is stored, in D1 and in snapshots alike. */
export interface SealedValue {
  /** Id of the ring's key that sealed it. */
  readonly key: string;
  /** Base64. */
  readonly sealed: string;
  /** Environment it was set for, which is part of what is authenticated. */
  readonly environment: Environment;
  /** When the value was last changed, in milliseconds since the epoch. */
  readonly updatedAt: number;
}
