import { describe, expect, test } from "vitest";
import { resolve } from "../../../worker/execution/resolve.ts";
import { sampleInstall, sampleSnapshot } from "./samples.ts";

describe("resolve", () => {
  const install = sampleInstall();
  const snapshot = sampleSnapshot([install]);

  test.each([
    { asked: undefined, runs: "greet" },
    { asked: "greet", runs: "greet" },
    { asked: "count", runs: "count" },
  ])("function $asked of an active install runs $runs", ({ asked, runs }) => {
    expect(resolve(snapshot, "demo.greet", asked)).toEqual({ target: { install, functionName: runs } });
  });

  test.each(["installed", "inactive", "error", "quarantined"] as const)("an install that is %s is refused", (state) => {
    expect(resolve(sampleSnapshot([sampleInstall({ state })]), "demo.greet", undefined)).toEqual({
      refused: "PLUGIN_INACTIVE",
      detail: `Plugin "demo.greet" is ${state}; activate it first.`,
    });
  });

  test.each(["demo.other", "constructor", "__proto__", "toString"])("%s is not installed", (id) => {
    expect(resolve(snapshot, id, undefined)).toEqual({
      refused: "INSTALL_NOT_FOUND",
      detail: `Plugin "${id}" is not installed.`,
    });
  });

  test("an unknown function is refused with those there are", () => {
    expect(resolve(snapshot, "demo.greet", "shout")).toEqual({
      refused: "FUNCTION_NOT_FOUND",
      detail: 'Plugin "demo.greet" exports no function "shout"; it exports: greet, count.',
    });
  });

  test("without a default function one must be named", () => {
    const several = sampleSnapshot([sampleInstall({ defaultFunction: undefined })]);
    expect(resolve(several, "demo.greet", undefined)).toEqual({
      refused: "FUNCTION_NOT_FOUND",
      detail: 'Plugin "demo.greet" has no default function; name one of: greet, count.',
    });
  });
});
