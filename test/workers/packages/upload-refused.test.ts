import { eq } from "drizzle-orm";
import { afterEach, describe, expect, test } from "vitest";
import { PACKAGE_LIMITS } from "../../../sdk/contract/limits.ts";
import { pluginEvents, pluginVersions } from "../../../worker/db/schema.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { utf8 } from "../../fixtures/packages/bytes.ts";
import { alarmTestModule, extismModule, wasm } from "../../fixtures/packages/modules.ts";
import {
  archiveOf,
  db,
  expectNothingIncoming,
  manifestText,
  refusal,
  seedDeveloper,
  upload,
} from "./upload-fixtures.ts";

/** Whatever a test does, nothing of an upload may stay behind. */
afterEach(expectNothingIncoming);

async function eventsOf(tenantId: string): Promise<unknown[]> {
  return db.select().from(pluginEvents).where(eq(pluginEvents.tenantId, tenantId));
}

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
      "a description of a function the module has not",
      async () => ({ package: await archiveOf({ functions: { absent: {} } }) }),
      "MANIFEST_INVALID",
      'The manifest is not valid: at /functions/absent: names "absent"; the module\'s callable exports are echo.',
    ],
    [
      "a description with a remote reference",
      async () => ({
        package: await archiveOf({
          functions: { echo: { input: { schema: { $ref: "https://example.com/a.json" } } } },
        }),
      }),
      "MANIFEST_INVALID",
      "The manifest is not valid: at /functions/echo/input/schema/$ref: must name a place within this schema and begin with `#`; nothing is fetched.",
    ],
    [
      "cases of which one does not fit the description",
      async () => ({
        package: await archiveOf({ functions: { echo: { input: { schema: { type: "integer" } } } } }, extismModule(), {
          name: "cases.json",
          data: utf8('[{"name":"a","function":"echo","input":1},{"name":"b","function":"echo","input":"x"}]'),
        }),
      }),
      "MANIFEST_INVALID",
      "cases.json does not fit the manifest: at /1/input: must be JSON (contentType); found other text.",
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
      "a module with more names than fit a report",
      async () => {
        const functions = Array.from({ length: 5_000 }, (_unused, index) => [`f${index}`.padEnd(60, "x"), "() -> i32"]);
        return {
          package: await archiveOf({}, wasm({ functions: Object.fromEntries(functions) as Record<string, string> })),
        };
      },
      "MODULE_UNSUPPORTED",
      "The list of the module's imports, exports and tools has 545009 bytes; the limit is 262144.",
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
  ])("%s leaves no rows but what the log says of a refusal by the scan", async (_name, parts, code, detail) => {
    const actor = await seedDeveloper();
    const error = await refusal(upload(actor, await parts()));
    expect(error.code).toBe(code);
    expect(error.message).toContain(detail);
    const rows = await db.select().from(pluginVersions).where(eq(pluginVersions.tenantId, actor.tenantId));
    const refusals = code === "SCAN_REFUSED" ? [{ type: "package.refused", data: { version: "1.0.0", code } }] : [];
    expect([rows, await eventsOf(actor.tenantId)]).toMatchObject([[], refusals]);
  });

  test("by the scan carries its findings", async () => {
    const actor = await seedDeveloper();
    const error = await refusal(
      upload(actor, { package: await archiveOf({}, wasm({ imports: [{ module: "a", name: "b" }] })) }),
    );
    expect(error.members).toEqual({
      scannerVersion: "2",
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
    const all = await db.select().from(pluginVersions).where(eq(pluginVersions.tenantId, actor.tenantId));
    expect(all).toHaveLength(100);
  });
});
