import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createPlugin } from "../../../sdk/cli/commands/create.ts";
import { TEMPLATES } from "../../../sdk/cli/commands/templates.ts";
import { buildProject } from "../../../sdk/project/build-project.ts";
import { readCases } from "../../../sdk/project/case-file.ts";
import { checkRequirement } from "../../../sdk/project/languages/requirement.ts";
import { openProject } from "../../../sdk/project/project.ts";
import { runCases } from "../../../sdk/project/run-cases.ts";
import { UserError } from "../../../sdk/project/user-error.ts";
import { findUnpackedCompilers } from "../../support/node/unpacked-compilers.ts";

/** Templates whose plugins are compiled and need nothing of npm: made, built and tested as `patchbay` does it. */

let scratch = "";
beforeAll(async () => {
  findUnpackedCompilers();
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  scratch = await mkdtemp(path.join(tmpdir(), "patchbay-templates-"));
});
afterAll(async () => {
  vi.restoreAllMocks();
  await rm(scratch, { recursive: true, force: true });
});

const compiled = Object.entries(TEMPLATES).filter(([, { binding }]) => binding !== undefined);

test.for(compiled)(
  "the template %s becomes a plugin that passes its cases",
  async ([template, { binding }], { skip }) => {
    const folder = path.join(scratch, `my-${template}`);
    await createPlugin(folder, { template, author: "Acme", sdk: "^0.1.0" });
    const project = await openProject(folder);
    for (const requirement of project.language.requirements) {
      const found = await checkRequirement(requirement, folder);
      if ("compiler" in found) continue;
      const missing = `${requirement.name}: ${found.problem}`;
      if (process.env["CONFORMANCE_REQUIRE_ALL"] === "1") throw new Error(missing);
      skip(missing);
    }
    const { module, manifest, imports, inputs } = await buildProject(project);
    expect(manifest).toMatchObject({ id: `my-${template}`, permissions: [{ capability: "storage" }] });
    expect(imports.map((name) => name.split(" ")[1]).sort()).toEqual(["call_body", "storage_get", "storage_set"]);
    expect(inputs).toContain(path.join(folder, binding?.to ?? ""));
    const results = await runCases(await readCases(path.join(folder, "cases.json")), {
      plugin: module,
      grants: { storage: {} },
    });
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
    expect(results).toHaveLength(4);
    expect(await readFile(path.join(folder, ".gitignore"), "utf8")).toContain("dist/");
    await refusesWhatDoesNotCompile(project.entry, folder);
  },
);

async function refusesWhatDoesNotCompile(entry: string, folder: string): Promise<void> {
  const before = await readFile(path.join(folder, "dist/plugin.wasm"));
  await writeFile(entry, (await readFile(entry, "utf8")).replaceAll("visits", "no such word"));
  const error = await buildProject(await openProject(folder)).catch((problem: unknown) => problem);
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).detail).toContain(path.basename(entry));
  expect(before.equals(await readFile(path.join(folder, "dist/plugin.wasm")))).toBe(true);
}
