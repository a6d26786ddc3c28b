import { describe, expect, test } from "vitest";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import {
  chooseVersion,
  newestInstallable,
  ownFirst,
  sortNewestFirst,
  type VersionHead,
} from "../../../worker/control/plugins/rules.ts";

function head(version: string, change: Partial<VersionHead> = {}): VersionHead {
  return {
    id: `id-of-${version}`,
    tenantId: "acme",
    pluginId: "acme.echo",
    version,
    state: "validated",
    verdict: "clean",
    limits: {},
    createdAt: 0,
    yankReason: null,
    ...change,
  };
}

describe("newestInstallable", () => {
  test.each<[string, VersionHead[], string | undefined]>([
    ["none", [], undefined],
    ["by number, not by text", [head("1.9.0"), head("1.10.0"), head("1.2.0")], "1.10.0"],
    ["not by age", [head("2.0.0", { createdAt: 1 }), head("1.0.0", { createdAt: 2 })], "2.0.0"],
    ["a release before newer prereleases", [head("1.0.0"), head("2.0.0-rc.1")], "1.0.0"],
    ["the newest prerelease where there is no release", [head("1.0.0-beta.2"), head("1.0.0-beta.11")], "1.0.0-beta.11"],
    ["not a quarantined one", [head("1.0.0"), head("2.0.0", { state: "quarantined" })], "1.0.0"],
    ["not a withdrawn one", [head("1.0.0"), head("2.0.0", { yankReason: "loses orders" })], "1.0.0"],
    ["not a refused one", [head("1.0.0"), head("2.0.0", { verdict: "refused" })], "1.0.0"],
    ["one with warnings", [head("1.0.0"), head("2.0.0", { verdict: "warnings" })], "2.0.0"],
    ["nothing that may run", [head("1.0.0", { state: "quarantined" })], undefined],
  ])("%s", (_case, versions, expected) => {
    expect(newestInstallable(versions)?.version).toBe(expected);
  });
});

describe("chooseVersion", () => {
  const versions = [
    head("1.0.0"),
    head("2.0.0"),
    head("3.0.0", { state: "quarantined" }),
    head("4.0.0", { verdict: "refused" }),
    head("5.0.0", { yankReason: "loses orders" }),
  ];

  test.each([
    [undefined, "2.0.0"],
    ["1.0.0", "1.0.0"],
  ])("%s means %s", (wanted, expected) => {
    expect(chooseVersion(versions, "acme.echo", wanted).version).toBe(expected);
  });

  test.each<[string, VersionHead[], string | undefined, string, string]>([
    ["no versions", [], undefined, "PLUGIN_NOT_FOUND", 'There is no plugin "acme.echo".'],
    ["no versions, one named", [], "1.0.0", "PLUGIN_NOT_FOUND", 'There is no plugin "acme.echo".'],
    [
      "a withdrawn one",
      versions,
      "5.0.0",
      "STATE_CONFLICT",
      'Version 5.0.0 of "acme.echo" was withdrawn by its owner: loses orders',
    ],
    ["an unknown one", versions, "9.0.0", "VERSION_NOT_FOUND", 'Plugin "acme.echo" has no version 9.0.0.'],
    [
      "a quarantined one",
      versions,
      "3.0.0",
      "STATE_CONFLICT",
      'Version 3.0.0 of "acme.echo" is quarantined and cannot be installed.',
    ],
    ["a refused one", versions, "4.0.0", "SCAN_REFUSED", 'Version 4.0.0 of "acme.echo" was refused by the scan.'],
    [
      "none that may run",
      versions.slice(2),
      undefined,
      "STATE_CONFLICT",
      'No version of "acme.echo" can be installed: each was quarantined, withdrawn or refused by the scan.',
    ],
  ])("%s", (_case, offered, wanted, code, message) => {
    const run = () => chooseVersion(offered, "acme.echo", wanted);
    expect(run).toThrow(PlatformError);
    expect(run).toThrow(expect.objectContaining({ code, message }));
  });
});

test("sortNewestFirst leaves its input alone", () => {
  const versions = [head("1.0.0"), head("1.0.1"), head("1.0.1-a")];
  expect(sortNewestFirst(versions).map(({ version }) => version)).toEqual(["1.0.1", "1.0.1-a", "1.0.0"]);
  expect(versions.map(({ version }) => version)).toEqual(["1.0.0", "1.0.1", "1.0.1-a"]);
});

test.each([
  ["own", [head("1.0.0"), head("9.0.0", { tenantId: "patchbay" })], ["1.0.0"]],
  ["built-in", [head("9.0.0", { tenantId: "patchbay" })], ["9.0.0"]],
])("ownFirst: %s", (_case, versions, expected) => {
  expect(ownFirst(versions, "acme").map(({ version }) => version)).toEqual(expected);
});
