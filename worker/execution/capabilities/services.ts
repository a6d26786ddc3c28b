import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ulid.ts";

/** What capabilities need of the worker: bindings made into values. Composed in `worker/deps.ts`. */
export interface CapabilityServices {
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly randomBytes: (length: number) => Uint8Array<ArrayBuffer>;
}
