import * as v from "valibot";
import { hostCall } from "../capability.ts";

const ALGORITHMS = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" } as const;

/** `crypto_digest`: the digest of the body (FIPS 180-4), in hexadecimal and as the answer's bytes. */
export const cryptoDigest = hostCall(
  "crypto",
  v.strictObject({ algorithm: v.picklist(Object.keys(ALGORITHMS) as (keyof typeof ALGORITHMS)[]) }),
  async ({ quotas }, { algorithm }, body = new Uint8Array()) => {
    quotas.take("crypto", "operations");
    const digest = new Uint8Array(await crypto.subtle.digest(ALGORITHMS[algorithm], body));
    return { value: { hex: digest.toHex() }, body: digest };
  },
);
