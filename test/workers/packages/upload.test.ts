import { env } from "cloudflare:workers";
import { and, eq } from "drizzle-orm";
import { afterEach, describe, expect, test } from "vitest";
import { PACKAGE_LIMITS } from "../../../sdk/contract/limits.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { uploadPackage } from "../../../worker/control/packages/actions/upload.ts";
import { listPluginVersions } from "../../../worker/control/packages/actions/versions.ts";
import { sweepIncoming } from "../../../worker/control/packages/store.ts";
import { pluginEvents, plugins, pluginVersions } from "../../../worker/db/schema.ts";
import { moduleKey, readModule } from "../../../worker/execution/module-store.ts";
import { COST_TABLE_VERSION, REWRITER_VERSION } from "../../../worker/execution/metering/rewrite.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { noise, utf8 } from "../../fixtures/packages/bytes.ts";
import { alarmTestModule, extismModule, wasm } from "../../fixtures/packages/modules.ts";
import { tarGz } from "../../fixtures/packages/tar-builder.ts";
import {
  archiveOf,
  db,
  expectNothingIncoming,
  keysUnder,
  makeDeps,
  manifestText,
  NOW,
  refusal,
  seedDeveloper,
  storedBytes,
  streamedRequest,
  upload,
  uploadRequest,
} from "./upload-fixtures.ts";

const MIB = 1024 * 1024;

/** Whatever a test does, nothing of an upload may stay behind. */
afterEach(expectNothingIncoming);

async function eventsOf(tenantId: string): Promise<unknown[]> {
  return db.select().from(pluginEvents).where(eq(pluginEvents.tenantId, tenantId));
}

describe("an accepted package", () => {
  test("is stored under its digests, with a version, a listing and an event", async () => {
    const actor = await seedDeveloper();
    const module = extismModule();
    const bytes = await archiveOf({ limits: { memory: 4 * MIB } }, module);
    const { record, created } = await upload(actor, { package: bytes });

    expect(created).toBe(true);
    const [packageDigest, moduleDigest] = [await sha256Hex(bytes), await sha256Hex(module)];
    expect(record).toMatchObject({
      tenantId: actor.tenantId,
      pluginId: "acme.count",
      version: "1.0.0",
      packageDigest,
      packageBytes: bytes.length,
      moduleDigest,
      state: "validated",
      uploadedBy: "dana",
      createdAt: NOW,
      rewriterVersion: REWRITER_VERSION,
      scan: { verdict: "clean", findings: [] },
      module: {
        bytes: module.length,
        functions: ["echo"],
        capabilities: [],
        suspends: false,
        memory: { minimumPages: 1, maximumPages: null },
        rewriting: { backend: "register", memoryPages: 64, costTableVersion: COST_TABLE_VERSION },
      },
    });
    expect(await storedBytes(`packages/${packageDigest}`)).toEqual(bytes);
    expect(await storedBytes(moduleKey(moduleDigest))).toEqual(module);
    const rewritten = await readModule(env.STORE, record.rewrittenDigest);
    expect(WebAssembly.validate(rewritten)).toBe(true);
    expect(rewritten.length).toBe(record.module.rewriting.bytes);
    expect((await env.STORE.head(moduleKey(record.rewrittenDigest)))?.customMetadata).toEqual({
      rewriter: REWRITER_VERSION,
      costTable: COST_TABLE_VERSION,
      source: moduleDigest,
    });

    expect(await db.select().from(pluginVersions).where(eq(pluginVersions.id, record.id))).toEqual([record]);
    expect(await db.select().from(plugins).where(eq(plugins.tenantId, actor.tenantId))).toMatchObject([
      { id: "acme.count", name: "Count", type: "analyzer", category: "text", createdAt: NOW, updatedAt: NOW },
    ]);
    expect(await eventsOf(actor.tenantId)).toMatchObject([
      {
        type: "package.uploaded",
        pluginId: "acme.count",
        subject: "dana",
        data: { version: "1.0.0", packageDigest, verdict: "clean" },
      },
    ]);
  });

  test("may be a tar.gz", async () => {
    const actor = await seedDeveloper();
    const bytes = await tarGz([
      { name: "./", type: "5" },
      { name: "./manifest.json", data: manifestText({ wasm: "build/count.wasm" }) },
      { name: "./build/count.wasm", data: extismModule() },
    ]);
    const { record } = await upload(actor, { package: bytes });
    expect(record.packageDigest).toBe(await sha256Hex(bytes));
    expect(record.module.functions).toEqual(["echo"]);
  });

  test("may be a module and its manifest, in any order, and is then an archive", async () => {
    const [actor, other] = [await seedDeveloper(), await seedDeveloper()];
    const first = await upload(actor, { manifest: manifestText(), wasm: extismModule() });
    expect(first.created).toBe(true);
    const again = await upload(actor, { wasm: extismModule(), manifest: manifestText() });
    expect(again).toEqual({ created: false, record: first.record });

    const archive = await storedBytes(`packages/${first.record.packageDigest}`);
    expect(archive?.length).toBe(first.record.packageBytes);
    const asArchive = await upload(other, { package: archive ?? utf8("") });
    expect(asArchive.record).toMatchObject({
      packageDigest: first.record.packageDigest,
      rewrittenDigest: first.record.rewrittenDigest,
    });
  });

  test("uploaded again is the same version, without further rows", async () => {
    const actor = await seedDeveloper();
    const bytes = await archiveOf();
    const first = await upload(actor, { package: bytes });
    expect(await upload(actor, { package: bytes })).toEqual({ created: false, record: first.record });
    expect(await eventsOf(actor.tenantId)).toHaveLength(1);
  });

  test("of another tenant is a version of its own, of the same blobs", async () => {
    const bytes = await archiveOf();
    const [one, two] = [await seedDeveloper(), await seedDeveloper()];
    const [first, second] = [await upload(one, { package: bytes }), await upload(two, { package: bytes })];
    expect(second.created).toBe(true);
    expect(second.record.id).not.toBe(first.record.id);
    expect(second.record.rewrittenDigest).toBe(first.record.rewrittenDigest);
  });

  test("uploaded several times at once is one version", async () => {
    const actor = await seedDeveloper();
    const bytes = await archiveOf();
    const results = await Promise.all([1, 2, 3, 4].map(() => upload(actor, { package: bytes })));
    expect(new Set(results.map(({ record }) => record.id)).size).toBe(1);
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(await eventsOf(actor.tenantId)).toHaveLength(1);
  });

  test("with warnings is stored with its findings", async () => {
    const actor = await seedDeveloper();
    const bytes = await archiveOf({ permissions: ["crypto"] }, extismModule(), {
      name: "run.sh",
      data: utf8("#!/bin/sh"),
    });
    const { record } = await upload(actor, { package: bytes });
    expect(record.scan.findings.map(({ rule }) => rule)).toEqual(["capability-unused", "file-script"]);
    expect(record.scan.verdict).toBe("clean");
  });

  test("updates the plugin's listing, and versions are listed newest first", async () => {
    const actor = await seedDeveloper();
    for (const version of ["1.2.0", "1.10.0", "1.9.0", "2.0.0-rc.1"]) {
      await upload(actor, { package: await archiveOf({ version, name: `Count ${version}` }) });
    }
    const page = { limit: 2, after: undefined };
    const versions = await listPluginVersions({ db }, actor, "acme.count", page);
    expect(versions.map(({ version }) => version)).toEqual(["2.0.0-rc.1", "1.10.0", "1.9.0"]);
    const rest = await listPluginVersions({ db }, actor, "acme.count", { limit: 5, after: versions[1]?.id });
    expect(rest.map(({ version }) => version)).toEqual(["1.9.0", "1.2.0"]);
    const [listing] = await db.select().from(plugins).where(eq(plugins.tenantId, actor.tenantId));
    expect(listing?.name).toBe("Count 2.0.0-rc.1");
    const stranger = await seedDeveloper();
    expect((await refusal(listPluginVersions({ db }, stranger, "acme.count", page))).code).toBe("PLUGIN_NOT_FOUND");
  });

  test("of the platform may have an id without a dot", async () => {
    const actor = { tenantId: PLATFORM_TENANT, subject: "root", roles: ["admin" as const] };
    const { record } = await upload(actor, { package: await archiveOf({ id: "sentiment" }) });
    expect(record.pluginId).toBe("sentiment");
    const stranger = await seedDeveloper();
    const seen = await listPluginVersions({ db }, stranger, "sentiment", { limit: 5, after: undefined });
    expect(seen.map(({ tenantId }) => tenantId)).toEqual([PLATFORM_TENANT]);
  });
});

describe("a refused package", () => {
  const host = "extism:host/env";

  test.each<[string, () => Promise<Record<string, Uint8Array | string>>, code: string, detail: string]>([
    [
      "nothing",
      async () => Promise.resolve({}),
      "REQUEST_INVALID",
      'The part "package" is missing; an upload has a part `package` (ZIP or TAR.GZ), or the parts `manifest` (JSON) and `wasm`.',
    ],
    [
      "an unknown part",
      async () => Promise.resolve({ file: "x" }),
      "REQUEST_INVALID",
      'The part "file" is not known; an upload has a part `package` (ZIP or TAR.GZ), or the parts `manifest` (JSON) and `wasm`.',
    ],
    [
      "a module without manifest",
      async () => Promise.resolve({ wasm: extismModule() }),
      "REQUEST_INVALID",
      'The part "manifest" is missing; an upload has a part `package` (ZIP or TAR.GZ), or the parts `manifest` (JSON) and `wasm`.',
    ],
    [
      "package and manifest",
      async () => ({ package: await archiveOf(), manifest: manifestText() }),
      "REQUEST_INVALID",
      'The part "package" holds module and manifest already: leave `wasm` and `manifest` out.',
    ],
    [
      "a large manifest",
      async () => Promise.resolve({ manifest: new Uint8Array(PACKAGE_LIMITS.manifestBytes + 1), wasm: extismModule() }),
      "MANIFEST_INVALID",
      "The manifest is not valid: has more than 262144 bytes.",
    ],
    [
      "something else than an archive",
      async () => Promise.resolve({ package: "hello" }),
      "ARCHIVE_INVALID",
      "The archive is refused: it is neither ZIP nor gzip-compressed tar.",
    ],
    [
      "an archive that leaves its folder",
      async () => ({ package: await archiveOf({}, extismModule(), { name: "../evil" }) }),
      "ARCHIVE_INVALID",
      'The archive entry "../evil" is refused: its path leaves the package with `..`.',
    ],
    [
      "an archive without the module",
      async () => ({ package: await archiveOf({ wasm: "other.wasm" }) }),
      "ARCHIVE_INVALID",
      'The archive is refused: it has no file "other.wasm".',
    ],
    [
      "an invalid manifest",
      async () => ({ package: await archiveOf({ version: "1" }) }),
      "MANIFEST_INVALID",
      "The manifest is not valid: at /version: must be a semantic version 2.0.0 such as `1.4.0`.",
    ],
    [
      "a manifest for another platform",
      async () => ({ package: await archiveOf({ engines: { patchbay: ">=7.0.0" } }) }),
      "MANIFEST_INVALID",
      "The manifest is not valid: at /engines/patchbay: asks for >=7.0.0; this is Patchbay 0.1.0.",
    ],
    [
      "a manifest that names a function the module has not",
      async () => ({ package: await archiveOf({ hooks: [{ name: "file:process", function: "absent" }] }) }),
      "MANIFEST_INVALID",
      'The manifest is not valid: at /hooks/0/function: names "absent"; the module\'s callable exports are echo.',
    ],
    [
      "bytes that are no module",
      async () => ({ package: await archiveOf({}, utf8("not wasm")) }),
      "MODULE_INVALID",
      "",
    ],
    [
      "a module whose types do not fit",
      async () => ({
        package: await archiveOf({}, wasm({ functions: { run: "() -> i32" }, body: new Uint8Array([0x42, 0]) })),
      }),
      "MODULE_INVALID",
      "The module is not valid: its types do not fit its instructions.",
    ],
    [
      "a module with a reserved export",
      async () => ({
        package: await archiveOf({}, wasm({ functions: { run: "() -> i32", __patchbay_fuel: "() -> i32" } })),
      }),
      "MODULE_UNSUPPORTED",
      "",
    ],
    [
      "a module with an import that nobody offers",
      async () => ({ package: await archiveOf({}, wasm({ imports: [{ module: "env", name: "eval" }] })) }),
      "SCAN_REFUSED",
      'The scan refuses the package: The module imports the function "eval" of "env", which this platform does not have.',
    ],
    [
      "a module that needs more memory than it asks for",
      async () => ({ package: await archiveOf({ limits: { memory: 65_536 } }, wasm({ memoryPages: 2 })) }),
      "SCAN_REFUSED",
      "The scan refuses the package: The module needs 131072 bytes of memory to start; its limit is 65536 (manifest limits.memory).",
    ],
    [
      "a module that is known to be bad",
      async () => ({ package: await archiveOf({}, alarmTestModule()) }),
      "SCAN_REFUSED",
      "The scan refuses the package: The package contains the test module of the alarm.",
    ],
    [
      "a module with a wrong signature",
      async () => ({
        package: await archiveOf({}, wasm({ imports: [{ module: host, name: "alloc", type: "(i32) -> i32" }] })),
      }),
      "SCAN_REFUSED",
      "The scan refuses the package: The module imports extism:host/env.alloc as (i32) -> i32; it is (i64) -> i64.",
    ],
  ])("%s leaves no rows", async (_name, parts, code, detail) => {
    const actor = await seedDeveloper();
    const error = await refusal(upload(actor, await parts()));
    expect(error.code).toBe(code);
    expect(error.message).toContain(detail);
    const rows = await db.select().from(pluginVersions).where(eq(pluginVersions.tenantId, actor.tenantId));
    expect([rows, await eventsOf(actor.tenantId)]).toEqual([[], []]);
  });

  test("by the scan carries its findings", async () => {
    const actor = await seedDeveloper();
    const error = await refusal(
      upload(actor, { package: await archiveOf({}, wasm({ imports: [{ module: "a", name: "b" }] })) }),
    );
    expect(error.members).toEqual({
      scannerVersion: "1",
      findings: [
        {
          rule: "import-unknown",
          severity: "critical",
          message: 'The module imports the function "b" of "a", which this platform does not have.',
          evidence: "import a.b",
        },
      ],
    });
  });

  test("with an id of the platform's is told how ids look", async () => {
    const actor = await seedDeveloper();
    const error = await refusal(upload(actor, { package: await archiveOf({ id: "count" }) }));
    expect(error.issues).toEqual([
      {
        path: "/id",
        message: `must be \`publisher.name\`, such as \`${actor.tenantId}.count\`: ids without a dot are for built-in plugins`,
      },
    ]);
  });

  test("of the same version with other bytes is a conflict", async () => {
    const actor = await seedDeveloper();
    const { record } = await upload(actor, { package: await archiveOf() });
    const other = await archiveOf({ description: "Counts consonants." });
    const error = await refusal(upload(actor, { package: other }));
    expect(error.code).toBe("VERSION_CONFLICT");
    expect(error.message).toBe(
      `Version 1.0.0 of "acme.count" exists with package digest ${record.packageDigest}; this one has ${await sha256Hex(other)}. Raise the version.`,
    );
    const race = await seedDeveloper();
    const results = await Promise.allSettled([
      upload(race, { package: await archiveOf() }),
      upload(race, { package: other }),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("over the plan's quota is refused, also when two arrive at once", async () => {
    const actor = await seedDeveloper("free");
    const { record } = await upload(actor, { package: await archiveOf() });
    const filler = Array.from({ length: 98 }, (_unused, index) => ({
      ...record,
      id: `${record.id}-${index}`,
      version: `0.0.${index}`,
    }));
    for (const row of filler) await db.insert(pluginVersions).values(row);
    const results = await Promise.allSettled(
      ["2.0.0", "3.0.0"].map(async (version) => upload(actor, { package: await archiveOf({ version }) })),
    );
    const refused = results.find((result) => result.status === "rejected");
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(refused?.reason).toMatchObject({
      code: "QUOTA_EXCEEDED",
      message: 'The tenant has 100 plugin versions; the plan "free" allows 100.',
      limit: { name: "versions", used: 100, allowed: 100 },
    });
    const all = await db
      .select()
      .from(pluginVersions)
      .where(and(eq(pluginVersions.tenantId, actor.tenantId)));
    expect(all).toHaveLength(100);
  });
});

describe("a package that is too large", () => {
  async function* endless(limit: number, sent: { bytes: number }): AsyncGenerator<Uint8Array> {
    const piece = noise(256 * 1024);
    for (; sent.bytes < limit; sent.bytes += piece.length) yield await Promise.resolve(piece.slice());
  }

  test("is refused while it is read", async () => {
    const actor = await seedDeveloper();
    const sent = { bytes: 0 };
    const request = streamedRequest("package", endless(200 * MIB, sent));
    const error = await refusal(uploadPackage(makeDeps(), actor, request));
    expect(error.code).toBe("PACKAGE_TOO_LARGE");
    expect(error.limit).toMatchObject({ name: "packageBytes", allowed: 50 * MIB });
    expect(sent.bytes).toBeLessThan(52 * MIB);
  });

  test("is refused by its announced length before it is read", async () => {
    const actor = await seedDeveloper();
    const sent = { bytes: 0 };
    const request = streamedRequest("package", endless(MIB, sent), { "content-length": String(60 * MIB) });
    const error = await refusal(uploadPackage(makeDeps(), actor, request));
    expect(error.message).toBe(
      "The package is larger than 52428800 bytes: 62914560 were announced or read before the upload was refused.",
    );
    expect(sent.bytes).toBeLessThan(MIB);
  });

  test("as module and manifest together is refused", async () => {
    const actor = await seedDeveloper();
    const module = new Uint8Array(PACKAGE_LIMITS.packageBytes);
    const error = await refusal(upload(actor, { wasm: module, manifest: manifestText() }));
    expect([error.code, error.limit?.used]).toEqual(["PACKAGE_TOO_LARGE", module.length + manifestText().length]);
  });

  test("by one byte is refused, at the limit it is read", async () => {
    const actor = await seedDeveloper();
    const atLimit = await refusal(upload(actor, { package: new Uint8Array(PACKAGE_LIMITS.packageBytes) }));
    expect(atLimit.code).toBe("ARCHIVE_INVALID");
    const over = await refusal(upload(actor, { package: new Uint8Array(PACKAGE_LIMITS.packageBytes + 1) }));
    expect(over.code).toBe("PACKAGE_TOO_LARGE");
  });
});

describe("an upload that breaks off", () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 40; count++) yield await Promise.resolve(noise(256 * 1024, count + 1));
    throw new Error("the client is gone");
  }

  test("leaves nothing behind", async () => {
    const actor = await seedDeveloper();
    const error = await refusal(uploadPackage(makeDeps(), actor, streamedRequest("package", broken())));
    expect([error.code, error.message]).toEqual(["BODY_UNREADABLE", "The upload broke off before its end."]);
  });

  test("without the form's end leaves nothing behind", async () => {
    const actor = await seedDeveloper();
    const body = (await uploadRequest({ package: await archiveOf() }).arrayBuffer()).slice(0, -20);
    const type = uploadRequest({ package: "" }).headers.get("content-type") ?? "";
    const boundary = new TextDecoder().decode(body.slice(2, body.byteLength)).split("\r\n")[0] ?? "";
    const headers = { "content-type": type.replace(/boundary=.*/, `boundary=${boundary}`) };
    const request = new Request("https://patchbay.test", { method: "POST", headers, body });
    const error = await refusal(uploadPackage(makeDeps(), actor, request));
    expect(error.message).toBe("The multipart form is malformed: it ends inside a part.");
  });

  test("because the store fails leaves nothing behind, and is no fault of the client's", async () => {
    const actor = await seedDeveloper();
    const store = new Proxy(env.STORE, {
      get(bucket, name) {
        if (name === "put") return () => Promise.reject(new Error("put: 10001"));
        const member: unknown = Reflect.get(bucket, name);
        return typeof member === "function" ? (member.bind(bucket) as unknown) : member;
      },
    });
    const deps = { ...makeDeps(), env: { STORE: store } };
    await expect(uploadPackage(deps, actor, uploadRequest({ package: await archiveOf() }))).rejects.toThrow(
      "put: 10001",
    );
  });

  test("with its worker is swept after an hour", async () => {
    await env.STORE.put("incoming/01STALE", "x");
    const uploaded = (await env.STORE.head("incoming/01STALE"))?.uploaded.getTime() ?? 0;
    const sweepAt = async (time: number): Promise<number> => sweepIncoming({ env, clock: { now: () => time } });
    expect(await sweepAt(uploaded + 3_599_000)).toBe(0);
    expect(await keysUnder("incoming/")).toEqual(["incoming/01STALE"]);
    expect(await sweepAt(uploaded + 3_601_000)).toBe(1);
  });
});
