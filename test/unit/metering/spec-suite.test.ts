import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { compareScript, emptyComparison, FORMS, outcomesBefore } from "../../spec-suite/compare.ts";
import { SUITE_FOLDER, suiteIsThere } from "../../spec-suite/obtain.ts";
import { runRecordedScript } from "../../spec-suite/recorded-script.ts";
import type { ScriptHost } from "../../spec-suite/script-host.ts";

/** The official suite is a download, which everybody's checkout need not have; see docs/metering.md. */
const skipped = !suiteIsThere() && process.env["CI"] === undefined;

describe.skipIf(skipped)("the official WebAssembly test suite (npm run spec-suite fetches it)", () => {
  test.each([
    ["spec", 18_000],
    ["bulk-memory-operations", 6_000],
    ["reference-types", 8_000],
    ["threads", 3_500],
  ])(
    "%s has the same outcomes before and after rewriting",
    (part, fewest) => {
      const totals = Object.fromEntries(Object.keys(FORMS).map((form) => [form, emptyComparison()]));
      const folder = path.join(SUITE_FOLDER, part);
      for (const file of readdirSync(folder).filter((name) => name.endsWith(".wast.js"))) {
        const source = readFileSync(path.join(folder, file), "utf8");
        const run = (host: ScriptHost): string[] => runRecordedScript(source, host);
        const before = outcomesBefore(run);
        for (const [form, policy] of Object.entries(FORMS)) {
          compareScript(file, run, { before, policy }, totals[form] ?? emptyComparison());
        }
      }
      for (const total of Object.values(totals)) {
        expect(total.differences).toEqual([]);
        expect([...total.refused]).toEqual(part === "threads" ? [["threads", 2]] : []);
        expect(total.notRun).toBe(0);
        expect(total.same).toBeGreaterThan(fewest);
      }
    },
    180_000,
  );
});
