import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspectPackage } from "../../../sdk/inspection/inspect-package.ts";
import type { Inspection } from "../../../sdk/inspection/inspection.ts";
import { openTarget } from "../../../sdk/packaging/open-target.ts";
import { collectPackage } from "../../../sdk/packaging/package-folder.ts";
import { archiveOf, packageForm } from "../../../sdk/packaging/package-form.ts";
import { utf8 } from "../../fixtures/packages/bytes.ts";
import { HOSTILE_ARCHIVES } from "../../fixtures/packages/hostile-archive-table.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { alarmTestModule, extismModule, wasm } from "../../fixtures/packages/modules.ts";

/** `patchbay check`: the upload's own code in Node. test/e2e/cli.test.ts holds it against a running platform. */

const manifest = (fields: Readonly<Record<string, unknown>> = {}): Uint8Array =>
  utf8(JSON.stringify(manifestOf(fields)));

function inspect(module: Uint8Array, fields: Readonly<Record<string, unknown>> = {}): Promise<Inspection> {
  return inspectPackage({ kind: "module", manifest: manifest(fields), wasm: module }, "acme");
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "check-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("what an upload accepts", () => {
  test("is told with imports, exports, scan and metering", async () => {
    const inspection = await inspect(extismModule());
    expect(inspection).toMatchObject({
      accepted: true,
      version: {
        pluginId: "acme.count",
        version: "1.0.0",
        functions: ["echo"],
        capabilities: [],
        scan: { verdict: "clean", findings: [] },
        rewriting: { memoryPages: 256 },
      },
    });
  });

  test("is warned of", async () => {
    const inspection = await inspect(extismModule({ data: utf8(`AKIA${"Z".repeat(16)}`) }));
    expect(inspection).toMatchObject({
      accepted: true,
      version: { scan: { verdict: "warnings", findings: [{ rule: "secret-embedded", severity: "high" }] } },
    });
  });
});

describe("what an upload refuses", () => {
  test.each<[string, Uint8Array, Readonly<Record<string, unknown>>, object]>([
    ["bytes that are no module", utf8("hello"), {}, { code: "MODULE_INVALID", status: 422 }],
    ["an unknown import", wasm({ imports: [{ module: "env", name: "x" }] }), {}, { code: "SCAN_REFUSED" }],
    ["a known bad module", alarmTestModule(), {}, { findings: [{ rule: "digest-known-bad" }] }],
    ["an id without a publisher", extismModule(), { id: "count" }, { issues: [{ path: "/id" }] }],
    [
      "a function that is not there",
      extismModule(),
      { defaultFunction: "x" },
      { issues: [{ path: "/defaultFunction" }] },
    ],
  ])("%s", async (_name, module, fields, problem) => {
    expect(await inspect(module, fields)).toMatchObject({ accepted: false, problem });
  });

  test.each(HOSTILE_ARCHIVES.filter(({ workerdOnly }) => !workerdOnly))("$name", async ({ build, detail, code }) => {
    const inspection = await inspectPackage({ kind: "archive", archive: await build() }, "acme");
    expect(inspection).toMatchObject({
      accepted: false,
      problem: {
        code: code ?? "ARCHIVE_INVALID",
        detail: typeof detail === "string" ? detail : expect.stringMatching(detail),
      },
    });
  });
});

describe("a package", () => {
  test("is a module and its manifest, or an archive where there is more, and always the same bytes", async () => {
    const more = path.join(folder, "more");
    await mkdir(path.join(more, "words"), { recursive: true });
    await writeFile(path.join(more, "manifest.json"), manifest({ files: ["words/"] }));
    await writeFile(path.join(more, "plugin.wasm"), extismModule());
    await writeFile(path.join(more, "words/a.txt"), "a");
    await writeFile(path.join(more, "notes.txt"), "not asked for");
    const collected = await collectPackage({ folder: more });
    expect([...collected.keys()]).toEqual(["manifest.json", "plugin.wasm", "words/a.txt"]);
    expect(await inspectPackage(packageForm(collected), "acme")).toMatchObject({
      accepted: true,
      version: { files: { paths: ["words/a.txt"], bytes: 1 } },
    });
    const files = new Map([
      ["plugin.wasm", extismModule()],
      ["manifest.json", manifest()],
    ]);
    expect(packageForm(files)).toEqual({ kind: "module", manifest: manifest(), wasm: extismModule() });
    expect(archiveOf(files)).toEqual(archiveOf(new Map([...files].reverse())));
  });

  test("may be named by its folder, its module or its archive", async () => {
    await writeFile(path.join(folder, "manifest.json"), manifest());
    await writeFile(path.join(folder, "plugin.wasm"), extismModule());
    const archive = archiveOf(await collectPackage({ folder }));
    await writeFile(path.join(folder, "package.zip"), archive);
    for (const word of ["", "plugin.wasm", "package.zip"]) {
      const { form } = await openTarget(path.join(folder, word));
      expect(await inspectPackage(form, "acme")).toMatchObject({ accepted: true });
    }
    await expect(openTarget(path.join(folder, "gone"))).rejects.toThrow(/There is nothing at .*gone\./);
  });
});
