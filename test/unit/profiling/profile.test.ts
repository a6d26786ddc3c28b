import { describe, expect, test } from "vitest";
import { Guest } from "../metering/guest.ts";
import { IMPORTS, PROGRAMS } from "../metering/programs.ts";
import { problemsOf, profiledCall } from "./profiled-guest.ts";

const FORMS = [
  ["register form", {}],
  ["register form with private tables", { hideTables: true }],
  ["global form", { backend: "global" }],
] as const;

describe.each(FORMS)("%s", (_form, policy) => {
  test.each(PROGRAMS)(
    "%s: result and fuel are the plain call's, and the profile adds up to it",
    (_, source, values) => {
      const module = `(module ${source})`;
      const plain = new Guest(module, IMPORTS, policy);
      const { outcome, profile } = profiledCall(module, "f", values, { imports: IMPORTS, policy, fuel: 10n ** 9n });
      const expected = plain.call("f", values, 10n ** 9n);
      expect(outcome).toEqual(expected);
      expect(problemsOf(profile, Number(expected.used))).toEqual([]);
    },
  );

  test.each(PROGRAMS)("%s: stops where the plain call stops, whatever the fuel", (_, source, values) => {
    const module = `(module ${source})`;
    const full = new Guest(module, IMPORTS, policy).call("f", values).used;
    for (const share of [0n, 1n, 17n, 50n, 83n, 99n]) {
      const fuel = (full * share) / 100n;
      const expected = new Guest(module, IMPORTS, policy).call("f", values, fuel);
      const { outcome, profile } = profiledCall(module, "f", values, { imports: IMPORTS, policy, fuel });
      expect(outcome).toEqual(expected);
      expect(outcome.state).toBe("exhausted");
      expect(problemsOf(profile, Number(fuel))).toEqual([]);
    }
  });
});
