import * as keyRing from "../../lib/key-ring.ts";

export type KeyRing = keyRing.KeyRing;

/**
 * The keys that seal recordings. Keys that are no longer current stay in the ring until the last recording they sealed
 * has expired.
 *
 * @throws {PlatformError} NOT_READY, naming each place that is wrong, never its value
 */
export function parseKeyRing(secret: string | undefined): KeyRing {
  return keyRing.parseKeyRing("RECORDING_KEYS", secret);
}

/** @throws {PlatformError} RECORDING_KEY_UNKNOWN */
export function keyOf(ring: KeyRing, id: string): Uint8Array<ArrayBuffer> {
  return keyRing.keyOf(ring, id, { code: "RECORDING_KEY_UNKNOWN", what: "The recording" });
}
