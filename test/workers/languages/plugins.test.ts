import { describe, expect, test } from "vitest";
import { CAPABILITY_CASES, jsonOrText } from "../../support/guests/capability-cases.ts";
import { openGuest, text, type GuestIsolate } from "../../support/guests/guest-isolate.ts";
import { FIXTURE_LANGUAGES, hasGuest } from "../../support/guests/provided-guests.ts";

/** The same cases as for TypeScript (test/workers/typescript), of plugins in other languages, in isolates of their own. */

describe.each(FIXTURE_LANGUAGES)("a plugin in %s", (language) => {
  const name = `language-${language}`;
  let opened: GuestIsolate | undefined;
  /** One isolate for all: rewriting a module of several megabytes takes a second. */
  const guest = (): GuestIsolate => (opened ??= openGuest(name));

  describe.skipIf(!hasGuest(name))("whose compiler is installed", () => {
    test.each(CAPABILITY_CASES)(
      "$functionName with $grants",
      async ({ functionName, input = "", grants, expected }) => {
        const context = { installId: crypto.randomUUID() };
        const outcome = await guest().call(functionName, { input, context }, grants);
        if ("code" in expected) expect(outcome.failure?.code).toBe(expected.code);
        else expect([outcome.failure, jsonOrText(text(outcome.output) ?? "")]).toEqual([undefined, expected.output]);
      },
    );
  });
});
