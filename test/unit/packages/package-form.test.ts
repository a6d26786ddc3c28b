import { expect, test } from "vitest";
import { describeBarePackage } from "../../../worker/control/packages/package-form.ts";
import { utf8 } from "../../fixtures/packages/bytes.ts";

const DIGEST = "a".repeat(64);

test("a bare package is described by its manifest, to the byte, and its module's digest", () => {
  const manifest = utf8('{ "id": "acme.count",\n "name": "Zähler" }');
  const described = JSON.parse(new TextDecoder().decode(describeBarePackage(manifest, DIGEST))) as unknown;
  expect(described).toEqual({
    format: "patchbay-package/1",
    manifest: new TextDecoder().decode(manifest),
    module: DIGEST,
  });
});

test.each([
  { what: "another module", manifest: "{}", digest: "b".repeat(64) },
  { what: "another space in the manifest", manifest: "{ }", digest: DIGEST },
  { what: "a byte order mark", manifest: "\uFEFF{}", digest: DIGEST },
])("$what is another package", ({ manifest, digest }) => {
  expect(describeBarePackage(utf8(manifest), digest)).not.toEqual(describeBarePackage(utf8("{}"), DIGEST));
});
