import { describe, expect, test } from "vitest";
import { migrateConfig, migrationsFrom, type ConfigOperation } from "../../../sdk/contract/config/migrations.ts";
import { parseManifest } from "../../../sdk/contract/manifest.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";

class Leaf {
  readonly inside = "never entered";
}
const leaf = new Leaf();

describe("operations", () => {
  test.each<[string, object, ConfigOperation[], object]>([
    ["rename", { a: 1, b: 2 }, [{ op: "rename", path: "/a", to: "c" }], { b: 2, c: 1 }],
    ["rename inside", { a: { b: 1 } }, [{ op: "rename", path: "/a/b", to: "x/y~" }], { a: { "x/y~": 1 } }],
    ["rename what is not there", { a: 1 }, [{ op: "rename", path: "/b", to: "c" }], { a: 1 }],
    ["move", { url: "u" }, [{ op: "move", from: "/url", path: "/api/url" }], { api: { url: "u" } }],
    [
      "move into what is there",
      { url: "u", api: { a: 1 } },
      [{ op: "move", from: "/url", path: "/api/url" }],
      { api: { a: 1, url: "u" } },
    ],
    ["move up", { api: { url: "u" } }, [{ op: "move", from: "/api/url", path: "/url" }], { api: {}, url: "u" }],
    ["move a whole into itself", { a: { b: 1 } }, [{ op: "move", from: "/a", path: "/a/a" }], { a: { a: { b: 1 } } }],
    [
      "remove",
      { a: 1, b: { c: 1, d: 2 } },
      [
        { op: "remove", path: "/a" },
        { op: "remove", path: "/b/c" },
      ],
      { b: { d: 2 } },
    ],
    [
      "remove what is not there",
      { a: { b: 1 } },
      [
        { op: "remove", path: "/a/c" },
        { op: "remove", path: "/x/y" },
      ],
      { a: { b: 1 } },
    ],
    [
      "set",
      { a: 1 },
      [
        { op: "set", path: "/a", value: 2 },
        { op: "set", path: "/b/c", value: [1] },
      ],
      { a: 2, b: { c: [1] } },
    ],
    [
      "one after the other",
      { a: 1 },
      [
        { op: "rename", path: "/a", to: "b" },
        { op: "rename", path: "/b", to: "c" },
      ],
      { c: 1 },
    ],
    [
      "a leaf is carried along",
      { key: leaf },
      [{ op: "move", from: "/key", path: "/auth/key" }],
      { auth: { key: leaf } },
    ],
    ["a leaf is not entered", { key: leaf }, [{ op: "remove", path: "/key/inside" }], { key: leaf }],
    ["names of inherited members", { a: 1 }, [{ op: "rename", path: "/toString", to: "b" }], { a: 1 }],
  ])("%s", (_name, config, operations, expected) => {
    const before = structuredClone(config);
    expect(migrateConfig({ ...config }, [{ from: "*", operations }])).toEqual({ config: expected });
    expect(structuredClone(config)).toEqual(before);
  });

  test.each<[string, object, ConfigOperation, string]>([
    ["rename onto another", { a: 1, b: 2 }, { op: "rename", path: "/a", to: "b" }, "/b"],
    ["move onto another", { a: 1, b: { c: 2 } }, { op: "move", from: "/a", path: "/b/c" }, "/b/c"],
    ["move below a text", { a: 1, b: "text" }, { op: "move", from: "/a", path: "/b/c" }, "/b/c"],
    ["set below a list", { b: [] }, { op: "set", path: "/b/0", value: 1 }, "/b/0"],
    ["set below a secret", { b: leaf }, { op: "set", path: "/b/c", value: 1 }, "/b/c"],
  ])("%s is refused and names the place", (_name, config, operation, path) => {
    expect(migrateConfig({ ...config }, [{ from: "*", operations: [operation] }])).toEqual({
      issue: { path, message: expect.stringMatching(/by the migration/) as string },
    });
  });
});

test("the migrations of a version are those whose range it lies in, in order", () => {
  const migrations = ["^1.0.0", ">=2.0.0", "<1.5.0", "*"].map((from) => ({ from, operations: [] }));
  expect(migrationsFrom(migrations, "1.2.0").map(({ from }) => from)).toEqual(["^1.0.0", "<1.5.0", "*"]);
  expect(migrationsFrom(migrations, "2.1.0").map(({ from }) => from)).toEqual([">=2.0.0", "*"]);
});

describe("in the manifest", () => {
  const migrate = (operation: unknown, from = "^1.0.0"): unknown =>
    manifestOf({ configMigrations: [{ from, operations: [operation] }] });

  test.each([
    { op: "rename", path: "/a", to: "b" },
    { op: "move", from: "/a", path: "/b/c" },
    { op: "remove", path: "/a~1b" },
    { op: "set", path: "/a", value: null },
  ])("$op", (operation) => {
    expect(parseManifest(migrate(operation)).configMigrations).toEqual([{ from: "^1.0.0", operations: [operation] }]);
  });

  test.each<[unknown, string]>([
    [{ op: "copy", path: "/a" }, "/configMigrations/0/operations/0/op"],
    [{ op: "remove", path: "a" }, "/configMigrations/0/operations/0/path"],
    [{ op: "remove", path: "/" }, "/configMigrations/0/operations/0/path"],
    [{ op: "remove", path: "/__proto__/a" }, "/configMigrations/0/operations/0/path"],
    [{ op: "remove", path: "/a", to: "b" }, "/configMigrations/0/operations/0/to"],
    [{ op: "set", path: "/a" }, "/configMigrations/0/operations/0/value"],
    [{ op: "rename", path: "/a", to: "constructor" }, "/configMigrations/0/operations/0/to"],
  ])("%j is refused", (operation, path) => {
    expect(() => parseManifest(migrate(operation))).toThrowError(
      expect.objectContaining({ issues: [expect.objectContaining({ path })] }),
    );
  });
});
