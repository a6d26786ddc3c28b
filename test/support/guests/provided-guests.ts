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

/** Languages beside TypeScript with a plugin in test/fixtures/languages that has every function of the capability cases. */
export const FIXTURE_LANGUAGES = ["assemblyscript", "c", "rust", "go", "zig"] as const;

/** False where the compiler of a language is not installed, so that its plugin is not there to test. */
export function hasGuest(name: string): boolean {
  return inject("guests")[name] !== undefined;
}
