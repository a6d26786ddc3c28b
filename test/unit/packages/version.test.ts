import { expect, test } from "vitest";
import {
  compareVersions,
  engineAccepts,
  parseRange,
  parseVersion,
  satisfies,
  type Version,
} from "../../../sdk/contract/version.ts";

function version(text: string): Version {
  const parsed = parseVersion(text);
  if (!parsed) throw new Error(`not a version: ${text}`);
  return parsed;
}

test.each([
  "1.0.0",
  "0.0.0",
  "10.20.30",
  "1.0.0-alpha.1",
  "1.0.0-0A.is.legal",
  "1.0.0+20130313144700",
  "2.0.0-rc.1+b.7",
])("%s is a version", (text) => {
  expect(parseVersion(text)).toBeDefined();
});

test.each([
  "",
  "1",
  "1.2",
  "01.2.3",
  "1.2.3-01",
  "v1.2.3",
  "1.2.3-",
  "1.2.3+",
  " 1.2.3",
  "1.2.3.4",
  "99999999999999999.0.0",
])("%j is not a version", (text) => {
  expect(parseVersion(text)).toBeUndefined();
});

test("precedence follows semver.org §11", () => {
  const ordered = [
    "0.9.0",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.10.0",
    "2.0.0",
  ];
  const sorted = [...ordered].reverse().sort((a, b) => compareVersions(version(a), version(b)));
  expect(sorted).toEqual(ordered);
  expect(compareVersions(version("1.0.0+a"), version("1.0.0+b"))).toBe(0);
});

test.each([
  ["^1.2.3", ["1.2.3", "1.9.0"], ["1.2.2", "2.0.0", "2.0.0-rc.1", "1.3.0-rc.1"]],
  ["^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "0.2.2"]],
  ["^0.0.3", ["0.0.3"], ["0.0.4", "0.1.0"]],
  ["^0.0", ["0.0.0", "0.0.9"], ["0.1.0"]],
  ["^0", ["0.9.9"], ["1.0.0"]],
  ["~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2"]],
  ["~1", ["1.9.0"], ["2.0.0"]],
  ["1.2", ["1.2.0", "1.2.7"], ["1.3.0"]],
  ["1.x", ["1.0.0", "1.9.9"], ["0.9.0", "2.0.0"]],
  ["*", ["0.0.0", "9.9.9"], ["1.0.0-rc.1"]],
  ["", ["1.0.0"], []],
  [">=1.0.0 <2.0.0", ["1.0.0", "1.5.0"], ["2.0.0", "0.9.9"]],
  [">1.2", ["1.3.0"], ["1.2.9", "1.2.0"]],
  ["<=1.2", ["1.2.9", "0.1.0"], ["1.3.0"]],
  ["<1", ["0.9.9"], ["1.0.0", "1.0.0-rc.1"]],
  ["1.0.0 - 1.4", ["1.0.0", "1.4.9"], ["1.5.0", "0.9.0"]],
  ["1.0.0 || ^3.0.0", ["1.0.0", "3.4.0"], ["1.0.1", "2.0.0", "4.0.0"]],
  ["= 1.0.0", ["1.0.0", "1.0.0+build"], ["1.0.1"]],
  ["^1.0.0-rc.1", ["1.0.0-rc.1", "1.0.0-rc.2", "1.0.0", "1.1.0"], ["1.0.0-beta", "1.1.0-rc.1"]],
  ["<*", [], ["0.0.0", "1.0.0"]],
])("range %j", (text, inside, outside) => {
  const range = parseRange(text);
  expect(range).toBeDefined();
  const accepted = (texts: readonly string[]): string[] =>
    texts.filter((each) => satisfies(version(each), range ?? []));
  expect(accepted(inside)).toEqual(inside);
  expect(accepted(outside)).toEqual([]);
});

test.each(["banana", "^", "1.2.3.4", ">>1", "1.2.3-", "^1.0.0-01", "1 - ", "a || b", "1".repeat(300)])(
  "%j is not a range",
  (text) => {
    expect(parseRange(text)).toBeUndefined();
  },
);

test.each([
  ["^0.1.0", true],
  [">=0.2.0", false],
  ["nonsense", false],
])("engines.patchbay %s accepts 0.1.0: %s", (range, accepted) => {
  expect(engineAccepts(range, "0.1.0")).toBe(accepted);
});
