import * as v from "valibot";
import type { InstallSecret } from "../install-secrets/secret-record.ts";

/** The secret of an install's webhooks; the one before it signs too, until its time is up. */
export const SigningSecret = v.object({
  current: v.string(),
  previous: v.nullable(v.object({ secret: v.string(), until: v.number() })),
});
export type SigningSecret = v.InferOutput<typeof SigningSecret>;

export interface SignedBy {
  readonly row: InstallSecret;
  readonly secret: SigningSecret;
}
