import { inject } from "vitest";

/** Module bytes in base64, by fixture name. */
export type GuestModules = Readonly<Record<string, string>>;

declare module "vitest" {
  interface ProvidedContext {
    /** Handed over by the global setup in build-guests.ts. */
    guests: GuestModules;
  }
}

/**
 * The module of a fixture in test/fixtures/guests, not rewritten.
 *
 * @throws {Error} where there is no fixture of that name
 */
export function guestBytes(name: string): Uint8Array<ArrayBuffer> {
  const encoded = inject("guests")[name];
  if (encoded === undefined) throw new Error(`There is no guest "${name}" in test/fixtures/guests.`);
  return Uint8Array.from(atob(encoded), (character) => character.codePointAt(0) ?? 0);
}
