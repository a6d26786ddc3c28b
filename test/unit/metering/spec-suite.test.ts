import { describe, expect, test } from "vitest";
import { suiteFolder } from "../../spec-suite/obtain.ts";
import { compareFolder } from "../../spec-suite/scripts.ts";

/** The official suite is a download, which everybody's checkout need not have; see docs/metering.md. */
const suite = suiteFolder();

/** Fewest commands with the same outcome, and what is refused, by package. */
const EXPECTED = {
  mozjs128: { same: 53_000, refused: ["gc", "memory64", "relaxed-simd"] },
  mozjs78: { same: 37_000, refused: ["threads"] },
};

const NOT_IN_A_PACKAGE_OF_SEVERAL = [
  "a constant expression reads a global of the module itself, which is not supported in a package of several modules",
];

const missing = suite === null && process.env["CI"] === undefined;

describe.skipIf(missing)("the official WebAssembly test suite (npm run spec-suite fetches it)", () => {
  test(`${suite?.name ?? "no package"}: each command has the same outcome before and after rewriting`, async () => {
    if (suite === null) throw new Error("in CI the suite has to be there");
    const { forms } = await compareFolder(suite.folder);
    for (const [form, { differences, refused, same }] of forms) {
      expect([form, differences]).toEqual([form, []]);
      const also = form === "shared" ? NOT_IN_A_PACKAGE_OF_SEVERAL : [];
      expect([...refused.keys()].filter((reason) => !also.includes(reason)).toSorted()).toEqual(
        EXPECTED[suite.name].refused,
      );
      expect(same).toBeGreaterThan(EXPECTED[suite.name].same);
    }
  }, 180_000);
});
