import { createCipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ChaCha20Stream } from "../../../worker/execution/sandbox/wasi/chacha20.ts";

function stream(seed: Uint8Array, pieces: readonly number[]): Uint8Array {
  const source = new ChaCha20Stream(seed);
  return Buffer.concat(
    pieces.map((length) => {
      const piece = new Uint8Array(length);
      source.read(piece);
      return piece;
    }),
  );
}

describe("ChaCha20Stream", () => {
  // RFC 8439, appendix A.1, test vectors 1 and 2: key and nonce of zeros, blocks 0 and 1.
  test("the vectors of the RFC", () => {
    expect(Buffer.from(stream(new Uint8Array(32), [64, 64])).toString("hex")).toBe(
      "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7" +
        "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586" +
        "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed" +
        "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
    );
  });

  test.each([
    { pieces: [10_000] },
    { pieces: [1, 63, 64, 65, 0, 9_807] },
    { pieces: Array.from({ length: 100 }, () => 100) },
  ])("the same stream as another implementation, in pieces of any size", ({ pieces }) => {
    const seed = Uint8Array.from({ length: 32 }, (_, index) => 200 + index);
    const cipher = createCipheriv("chacha20", seed, new Uint8Array(16));
    expect(Buffer.from(stream(seed, pieces)).equals(cipher.update(new Uint8Array(10_000)))).toBe(true);
  });

  test.each([0, 16, 31, 33])("a seed of %d bytes is refused", (length) => {
    expect(() => new ChaCha20Stream(new Uint8Array(length))).toThrow(`The seed has ${length} bytes, not 32.`);
  });
});
