import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import { afterEach, describe, expect, test } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { listPluginVersions } from "../../../worker/control/packages/actions/versions.ts";
import { pluginEvents, plugins, pluginVersions } from "../../../worker/db/schema.ts";
import { moduleKey, readModule } from "../../../worker/execution/module-store.ts";
import { COST_TABLE_VERSION, REWRITER_VERSION } from "../../../worker/execution/metering/rewrite.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { utf8 } from "../../fixtures/packages/bytes.ts";
import { extismModule } from "../../fixtures/packages/modules.ts";
import { tarGz } from "../../fixtures/packages/tar-builder.ts";
import {
  archiveOf,
  db,
  expectNothingIncoming,
  manifestText,
  NOW,
  refusal,
  seedDeveloper,
  storedBytes,
  upload,
} from "./upload-fixtures.ts";

const MIB = 1024 * 1024;

/** Whatever a test does, nothing of an upload may stay behind. */
afterEach(expectNothingIncoming);

async function eventsOf(tenantId: string): Promise<unknown[]> {
  return db.select().from(pluginEvents).where(eq(pluginEvents.tenantId, tenantId));
}

describe("an accepted package", () => {
  test("is stored under its digests, with a version, a listing and its events", async () => {
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
        sequence: 1,
      },
      {
        type: "package.validated",
        data: { version: "1.0.0", rewriterVersion: REWRITER_VERSION, functions: 1, findings: 0 },
        sequence: 2,
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

  test("may be a module and its manifest, in any order, and is then kept as a description of both", async () => {
    const actor = await seedDeveloper();
    const first = await upload(actor, { manifest: manifestText(), wasm: extismModule() });
    expect(first.created).toBe(true);
    expect(first.record.packageBytes).toBe(manifestText().length + extismModule().length);
    const again = await upload(actor, { wasm: extismModule(), manifest: manifestText() });
    expect(again).toEqual({ created: false, record: first.record });

    const described = await storedBytes(`packages/${first.record.packageDigest}`);
    expect(JSON.parse(new TextDecoder().decode(described))).toEqual({
      format: "patchbay-package/1",
      manifest: new TextDecoder().decode(manifestText()),
      module: first.record.moduleDigest,
    });
    expect(await storedBytes(`modules/${first.record.moduleDigest}.wasm`)).toEqual(extismModule());
  });

  test("uploaded again is the same version, without further rows", async () => {
    const actor = await seedDeveloper();
    const bytes = await archiveOf();
    const first = await upload(actor, { package: bytes });
    expect(await upload(actor, { package: bytes })).toEqual({ created: false, record: first.record });
    expect(await eventsOf(actor.tenantId)).toHaveLength(2);
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
    expect(await eventsOf(actor.tenantId)).toHaveLength(2);
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
