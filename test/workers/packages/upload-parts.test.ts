import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, describe, expect, test } from "vitest";
import { PACKAGE_LIMITS } from "../../../sdk/contract/limits.ts";
import { decodePackageFiles } from "../../../sdk/contract/package-files.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import type { Finding } from "../../../sdk/contract/package-report.ts";
import type { PluginParts } from "../../../sdk/contract/plugin-parts.ts";
import type { ReplayAnswer } from "../../../worker/control/executions/replay/schema.ts";
import { VersionAnswer } from "../../../worker/control/packages/schema.ts";
import { createDeps } from "../../../worker/deps.ts";
import { isolateId } from "../../../worker/execution/isolate.ts";
import { filesKey, moduleKey, readModule } from "../../../worker/execution/module-store.ts";
import { snapshotKey, type Snapshot, type SnapshotInstall } from "../../../worker/execution/snapshot.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { utf8 } from "../../fixtures/packages/bytes.ts";
import { extismModule, wasm, type ModuleFixture } from "../../fixtures/packages/modules.ts";
import { zip, type ZipFile } from "../../fixtures/packages/zip-builder.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";
import { api } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { callGuest, settledApi } from "../recording/recorded-calls.ts";
import {
  archiveOf,
  expectNothingIncoming,
  formOf,
  keysUnder,
  manifestText,
  refusal,
  seedDeveloper,
  storedBytes,
  upload,
} from "./upload-fixtures.ts";

afterEach(expectNothingIncoming);

const MODULES = [
  { name: "lib", wasm: "lib/lib.wasm" },
  { name: "clock", wasm: "lib/clock.wasm" },
];

async function packageOf(
  modules: Readonly<Record<string, Uint8Array>>,
  fields: Readonly<Record<string, unknown>> = {},
  ...more: readonly ZipFile[]
): Promise<Uint8Array> {
  return zip([
    { name: "manifest.json", data: manifestText(fields) },
    ...Object.entries(modules).map(([name, data]) => ({ name, data })),
    ...more,
  ]);
}

function linkedPackage(fields: Readonly<Record<string, unknown>> = {}): Promise<Uint8Array> {
  const modules = {
    "plugin.wasm": guestBytes("linked-main"),
    "lib/lib.wasm": guestBytes("linked-lib"),
    "lib/clock.wasm": guestBytes("linked-clock"),
  };
  const files = [
    { name: "data/a.txt", data: utf8("aaa") },
    { name: "data/more/b.txt", data: utf8("b") },
    { name: "README.md", data: utf8("read me") },
  ];
  return packageOf(modules, { modules: MODULES, files: ["data/"], ...fields }, ...files);
}

function compiledPackage(): Promise<Uint8Array> {
  return packageOf(
    { "plugin.wasm": guestBytes("files"), "scoring.wasm": guestBytes("scoring") },
    { modules: [{ name: "scoring", wasm: "scoring.wasm" }], files: ["data/*.txt"] },
    { name: "data/words.txt", data: utf8("plain\nbridge\n") },
  );
}

interface Installed {
  readonly token: string;
  readonly version: v.InferOutput<typeof VersionAnswer>;
  readonly snapshot: Snapshot;
  readonly install: SnapshotInstall & { readonly parts: PluginParts };
}

/** Uploads and installs a package through the front door, for a tenant of its own. */
async function installed(archive: Uint8Array): Promise<Installed> {
  const { tenantId: tenant } = await seedDeveloper();
  await compileSnapshot(createDeps(env, { waitUntil: (work) => void work }), tenant);
  const token = await mintToken({ tenant, roles: ["developer", "operator"] });
  const created = await api("post", "/api/plugins/upload", { token, raw: formOf({ package: archive }) });
  const { status } = await api("post", "/api/plugins/install", { token, body: { pluginId: "acme.count" } });
  const snapshot = await (await env.STORE.get(snapshotKey(tenant)))?.json<Snapshot>();
  const install = snapshot?.installs["acme.count"];
  if (status !== 201 || !snapshot || !install?.parts) throw new Error("The package was not installed with its parts.");
  return {
    token,
    version: v.parse(VersionAnswer, created.body),
    snapshot,
    install: { ...install, parts: install.parts },
  };
}

describe("a package of several modules and files", () => {
  test("is stored with all its parts, and says of each what it is", async () => {
    const actor = await seedDeveloper();
    const { record } = await upload(actor, { package: await linkedPackage() });
    const { parts, linked, files } = record.module;
    expect(parts?.modules.map(({ name }) => name)).toEqual(["clock", "lib", "main"]);
    expect(parts?.modules[2]?.digest).toBe(record.rewrittenDigest);
    expect(linked?.map(({ name, path, moduleDigest }) => ({ name, path, moduleDigest }))).toEqual([
      { name: "lib", path: "lib/lib.wasm", moduleDigest: await sha256Hex(guestBytes("linked-lib")) },
      { name: "clock", path: "lib/clock.wasm", moduleDigest: await sha256Hex(guestBytes("linked-clock")) },
    ]);
    expect(files).toEqual({ paths: ["data/a.txt", "data/more/b.txt"], bytes: 4 });
    expect(record.module).toMatchObject({ suspends: true, capabilities: [] });
    expect(parts?.sparePages).toBe(256 - 3);
    for (const { digest, bytes } of [...(parts?.modules ?? []), ...(parts?.relay ? [parts.relay] : [])]) {
      const module = await readModule(env.STORE, digest);
      expect(WebAssembly.validate(module)).toBe(true);
      expect(module.length).toBe(bytes);
    }
    for (const { moduleDigest } of linked ?? []) expect(await storedBytes(moduleKey(moduleDigest))).toBeDefined();
    const blob = await storedBytes(filesKey(parts?.files?.digest ?? ""));
    expect(decodePackageFiles(blob ?? new Uint8Array()).map(({ path }) => path)).toEqual(files?.paths);
  });

  test("runs, is replayed, and has isolates of its own", async () => {
    const { token, snapshot, install, version } = await installed(await linkedPackage());
    expect(version.modules.map(({ name }) => name)).toEqual(["lib", "clock"]);
    const execute = "/api/plugins/acme.count/execute?function=answer";
    expect(await api("post", execute, { token, body: {} })).toMatchObject({ status: 200, body: { output: "!" } });

    const { record, outcome } = await callGuest(snapshot, { pluginId: "acme.count", functionName: "print" });
    expect(outcome.logs).toHaveLength(3);
    const replayed = await settledApi("POST", `/api/plugins/executions/${record.id}/replay`, { token });
    expect(replayed.body as ReplayAnswer).toMatchObject({ same: true, differences: [] }); // checked here

    const other = { ...install, parts: { ...install.parts, digest: "0".repeat(64) } };
    expect(isolateId(other, 0, 0)).not.toBe(isolateId(install, 0, 0));
  });

  test("of a C compiler reads its files and calls another module", async () => {
    const { token, version } = await installed(await compiledPackage());
    expect(version.files).toEqual({ paths: ["data/words.txt"], bytes: 13 });
    const execute = "/api/plugins/acme.count/execute?function=look_up";
    const answer = await api("post", execute, { token, body: { input: "bridge" } });
    expect(answer).toMatchObject({ status: 200, body: { output: "line 2, score 60" } });
  });

  test.each(["module", "files"] as const)("never runs with a damaged part: %s", async (what) => {
    const { snapshot, install } = await installed(await compiledPackage());
    const { modules, files } = install.parts;
    const linked = modules.find(({ name }) => name !== "main")?.digest ?? "";
    const key = what === "module" ? moduleKey(linked) : filesKey(files?.digest ?? "");
    const intact = (await storedBytes(key)) ?? new Uint8Array();
    const damaged = intact.slice();
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    await env.STORE.put(key, damaged);
    // An identity that no isolate has started under, so that the part is read.
    const renamed = { ...install, parts: { ...install.parts, digest: `${what} damaged` } };
    const changed = { ...snapshot, installs: { "acme.count": renamed } };
    const { outcome } = await callGuest(changed, { pluginId: "acme.count", functionName: "list" });
    await env.STORE.put(key, intact);
    expect(outcome.failure?.code).toBe("INTEGRITY_FAILED");
  });

  test("of one module with files is metered as ever", async () => {
    const actor = await seedDeveloper();
    const alone = await upload(actor, { package: await archiveOf() });
    const fields = { version: "2.0.0", files: ["*.txt"] };
    const { record } = await upload(actor, {
      package: await packageOf({ "plugin.wasm": extismModule() }, fields, { name: "a.txt", data: utf8("a") }),
    });
    expect(record.rewrittenDigest).toBe(alone.record.rewrittenDigest);
    expect(record.module.parts).toMatchObject({ modules: [], relay: null, sparePages: 0 });
    expect(record.module.linked).toBeUndefined();
  });

  test("needs the capabilities of all its modules", async () => {
    const request = { module: "extism:host/env", name: "http_request", type: "(i64, i64) -> i64" };
    const { record } = await upload(await seedDeveloper(), {
      package: await packageOf(
        {
          "plugin.wasm": wasm({ imports: [{ module: "lib", name: "f" }] }),
          "lib.wasm": wasm({ imports: [request], functions: { f: "() -> ()" } }),
        },
        { modules: [{ name: "lib", wasm: "lib.wasm" }] },
      ),
    });
    expect(record.module.capabilities).toEqual(["http"]);
    expect(record.module.suspends).toBe(true);
    expect(record.scan.findings).toMatchObject([
      { rule: "capability-undeclared", evidence: "import extism:host/env.http_request" },
    ]);
  });
});

/** A main module with one import, and a module "lib" to import from. */
async function pairOf(
  main: ModuleFixture,
  lib: ModuleFixture = { functions: { f: "(i64) -> i32" } },
): Promise<Uint8Array> {
  return packageOf(
    { "plugin.wasm": wasm(main), "lib.wasm": wasm(lib) },
    { modules: [{ name: "lib", wasm: "lib.wasm" }] },
  );
}

describe("a refused package of several modules", () => {
  test.each([
    {
      title: "a function that is not there",
      main: { imports: [{ module: "lib", name: "g", type: "(i64) -> i32" }] },
      rule: "import-unresolved",
      message:
        'The module imports the function lib.g as (i64) -> i32; the package\'s module "lib" exports nothing of that name.',
    },
    {
      title: "a function of another type",
      main: { imports: [{ module: "lib", name: "f", type: "(i32) -> i32" }] },
      rule: "import-signature",
      message: "The module imports lib.f as (i32) -> i32; it is (i64) -> i32.",
    },
    {
      title: "a memory",
      main: { imports: [{ module: "lib", name: "memory", kind: "memory" as const }] },
      rule: "import-kind",
      message:
        "The module imports the memory lib.memory; modules of a package may import only functions from each other.",
    },
    {
      title: "a global",
      main: { imports: [{ module: "lib", name: "g", kind: "global" as const }] },
      rule: "import-kind",
      message: "The module imports the global lib.g; modules of a package may import only functions from each other.",
    },
    {
      title: "the counters of the metering",
      main: { imports: [{ module: "__patchbay", name: "fuel", kind: "global" as const }] },
      rule: "import-kind",
      message: "The module imports a global; plugins may import functions only.",
    },
    {
      title: "a module that the manifest does not name",
      main: { imports: [{ module: "other", name: "f" }] },
      rule: "import-unknown",
      message: 'The module imports the function "f" of "other", which this platform does not have.',
    },
  ])("for importing $title", async ({ main, rule, message }) => {
    const before = [await keysUnder("modules/"), await keysUnder("packages/"), await keysUnder("files/")];
    const error = await refusal(upload(await seedDeveloper(), { package: await pairOf(main) }));
    expect(error.code).toBe("SCAN_REFUSED");
    const found = error.members?.["findings"] as readonly Finding[]; // what the scan refuses with
    expect(found.find(({ severity }) => severity === "critical")).toMatchObject({ rule, message });
    expect([await keysUnder("modules/"), await keysUnder("packages/"), await keysUnder("files/")]).toEqual(before);
  });

  test("for what a linked module imports, which is named", async () => {
    const lib = { functions: { f: "() -> ()" }, imports: [{ module: "main", name: "missing" }] };
    const main = { imports: [{ module: "lib", name: "f" }] };
    const error = await refusal(upload(await seedDeveloper(), { package: await pairOf(main, lib) }));
    expect(error.members).toMatchObject({
      findings: [
        {
          message:
            'The module "lib" imports the function main.missing as () -> (); the package\'s module "main" exports nothing of that name.',
          evidence: "module lib, import main.missing",
        },
      ],
    });
  });

  test("for memory that is too much for all together", async () => {
    const fields = { limits: { memory: 20 * 65_536 }, modules: [{ name: "lib", wasm: "lib.wasm" }] };
    const modules = { "plugin.wasm": extismModule({ memoryPages: 11 }), "lib.wasm": wasm({ memoryPages: 10 }) };
    const error = await refusal(upload(await seedDeveloper(), { package: await packageOf(modules, fields) }));
    expect(error.message).toContain("The modules need 1376256 bytes of memory to start; their limit is 1310720");
  });

  test("for a linked module that is not valid", async () => {
    const modules = { "plugin.wasm": extismModule(), "lib.wasm": utf8("\0asm\u0001\0\0\0?") };
    const fields = { modules: [{ name: "lib", wasm: "lib.wasm" }] };
    const error = await refusal(upload(await seedDeveloper(), { package: await packageOf(modules, fields) }));
    expect([error.code, error.message]).toEqual([
      "MODULE_INVALID",
      expect.stringMatching(/^The module "lib" is not valid: /),
    ]);
  });

  test.each([
    {
      title: "names a module that is not there",
      fields: { modules: [{ name: "lib", wasm: "missing.wasm" }] },
      issue: { path: "/modules/0/wasm", message: 'names "missing.wasm", which is not in the package' },
    },
    {
      title: "lets nothing be read",
      fields: { files: ["*.md", "data/**"] },
      issue: { path: "/files/1", message: 'matches no file of the package: "data/**"' },
    },
    {
      title: "would read the manifest and the module",
      fields: { files: ["manifest.json"] },
      issue: { path: "/files/0", message: 'matches no file of the package: "manifest.json"' },
    },
  ])("whose manifest $title", async ({ fields, issue }) => {
    const archive = await packageOf({ "plugin.wasm": extismModule() }, fields, { name: "a.md", data: utf8("a") });
    const error = await refusal(upload(await seedDeveloper(), { package: archive }));
    expect([error.code, error.issues]).toEqual(["MANIFEST_INVALID", [issue]]);
  });

  test("with more to read than fits beside the calls", async () => {
    const large = { name: "data/large.bin", data: new Uint8Array(PACKAGE_LIMITS.readableFileBytes + 1), deflate: true };
    const noise = { name: "data/noise.bin", data: crypto.getRandomValues(new Uint8Array(65_536)) };
    const archive = await packageOf(
      { "plugin.wasm": extismModule() },
      { files: ["data/"] },
      { ...large, deflate: false },
      noise,
    );
    const error = await refusal(upload(await seedDeveloper(), { package: archive }));
    expect(error.issues).toEqual([
      { path: "/files", message: "selects 8454145 bytes of files; the limit readableFileBytes is 8388608" },
    ]);
  });

  test("with more files than the limit", async () => {
    const files = Array.from({ length: PACKAGE_LIMITS.readableFiles + 1 }, (_, at) => ({
      name: `data/${at}.txt`,
      data: utf8("x"),
    }));
    const archive = await packageOf({ "plugin.wasm": extismModule() }, { files: ["data/*.txt"] }, ...files);
    const error = await refusal(upload(await seedDeveloper(), { package: archive }));
    expect(error.issues).toEqual([{ path: "/files", message: "selects 501 files; the limit readableFiles is 500" }]);
  });

  test("that is no archive", async () => {
    const manifest = manifestText({ modules: [{ name: "lib", wasm: "lib.wasm" }], files: ["data/"] });
    const error = await refusal(upload(await seedDeveloper(), { manifest, wasm: extismModule() }));
    const message = "needs a package: upload an archive in which they are";
    expect(error.issues).toEqual([
      { path: "/modules", message },
      { path: "/files", message },
    ]);
  });
});
