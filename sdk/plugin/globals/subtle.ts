import { keys, type DigestAlgorithm } from "../capabilities/keys.ts";
import { bytesOfBody } from "./body.ts";

const ALGORITHMS: Readonly<Record<string, DigestAlgorithm>> = {
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
};

/** The part of SubtleCrypto that the capability `crypto` can stand for; keys are the platform's: use `keys`. */
export const subtle = {
  async digest(
    algorithm: string | { readonly name: string },
    data: ArrayBuffer | ArrayBufferView,
  ): Promise<ArrayBuffer> {
    const name = (typeof algorithm === "string" ? algorithm : algorithm.name).toUpperCase();
    const known = ALGORITHMS[name];
    if (!known)
      throw new DOMException(
        `The digest ${name} is not available: ${Object.keys(ALGORITHMS).join(", ")} are.`,
        "NotSupportedError",
      );
    const { bytes } = await keys.digest(known, bytesOfBody(data));
    return bytes.slice().buffer;
  },
};
