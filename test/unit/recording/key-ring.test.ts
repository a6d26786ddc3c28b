import { describe, expect, test } from "vitest";
import { freshKeyRing } from "../../../scripts/local-state.ts";
import { keyOf, parseKeyRing } from "../../../worker/execution/recording/key-ring.ts";

const KEY = btoa("0123456789abcdef0123456789abcdef");

describe("RECORDING_KEYS", () => {
  test("names the current key and holds those before it", () => {
    const ring = parseKeyRing(JSON.stringify({ current: "k2", keys: { k1: KEY, k2: btoa("x".repeat(32)) } }));
    expect(ring.current).toBe("k2");
    expect(new TextDecoder().decode(keyOf(ring, "k1"))).toBe("0123456789abcdef0123456789abcdef");
    expect(new TextDecoder().decode(keyOf(ring, "k2"))).toBe("x".repeat(32));
  });

  test("as a first start makes it is valid, and another each time", () => {
    const [one, two] = [parseKeyRing(freshKeyRing()), parseKeyRing(freshKeyRing())];
    expect(keyOf(one, "k1")).toHaveLength(32);
    expect(keyOf(one, "k1")).not.toEqual(keyOf(two, "k1"));
  });

  test.each([
    ["nothing", undefined, "the whole"],
    ["an empty text", "", "the whole"],
    ["no JSON", `{"current":"k1","keys":{"k1":"${KEY}"`, "the whole"],
    ["no current key", JSON.stringify({ keys: { k1: KEY } }), "current"],
    ["a current key that is not there", JSON.stringify({ current: "k2", keys: { k1: KEY } }), "the whole"],
    ["a current key of the prototype", JSON.stringify({ current: "constructor", keys: { k1: KEY } }), "the whole"],
    ["a short key", JSON.stringify({ current: "k1", keys: { k1: btoa("short") } }), "keys.k1"],
    ["a key that is no base64", JSON.stringify({ current: "k1", keys: { k1: "§" } }), "keys.k1"],
    ["a member too many", JSON.stringify({ current: "k1", keys: { k1: KEY }, more: 1 }), "more"],
  ])("%s is refused, naming the place and no value", (_case, secret, place) => {
    expect(() => parseKeyRing(secret)).toThrowError(
      expect.objectContaining({ code: "NOT_READY", message: `RECORDING_KEYS is not valid at: ${place}.` }),
    );
  });

  test.each(["k2", "constructor", "__proto__", ""])('key "%s" is not in the ring', (id) => {
    const ring = parseKeyRing(JSON.stringify({ current: "k1", keys: { k1: KEY } }));
    expect(() => keyOf(ring, id)).toThrowError(
      expect.objectContaining({
        code: "RECORDING_KEY_UNKNOWN",
        message: `The recording was sealed with key "${id}", which is not there.`,
      }),
    );
  });
});
