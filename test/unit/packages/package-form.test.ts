import { expect, test } from "vitest";
import { openArchive } from "../../../worker/control/packages/archive/archive.ts";
import { memoryAccess } from "../../../worker/control/packages/archive/random-access.ts";
import { canonicalPackage } from "../../../worker/control/packages/package-form.ts";
import { concat, noise, utf8 } from "../../fixtures/packages/bytes.ts";

test("module and manifest make an archive that can be uploaded again, always the same", async () => {
  const [manifest, module] = [utf8('{"id":"acme.count"}'), noise(70_000)];
  const bytes = concat(...canonicalPackage(manifest, module, "build/count.wasm"));
  expect(concat(...canonicalPackage(manifest, module, "build/count.wasm"))).toEqual(bytes);
  const archive = await openArchive(memoryAccess(bytes));
  expect(archive.files.map(({ path, executable }) => [path, executable])).toEqual([
    ["manifest.json", false],
    ["build/count.wasm", false],
  ]);
  expect(archive.manifest).toEqual(manifest);
  expect(await archive.read("build/count.wasm")).toEqual(module);
});
