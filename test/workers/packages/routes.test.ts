import * as v from "valibot";
import { expect, test } from "vitest";
import { VersionAnswer } from "../../../worker/control/packages/schema.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { createDeps } from "../../../worker/deps.ts";
import { env } from "cloudflare:workers";
import { wasm } from "../../fixtures/packages/modules.ts";
import { api, expectProblem, type ApiAnswer } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { archiveOf, expectNothingIncoming, formOf, seedDeveloper } from "./upload-fixtures.ts";

async function developer(): Promise<{ tenant: string; token: string }> {
  const { tenantId: tenant } = await seedDeveloper();
  await compileSnapshot(createDeps(env, { waitUntil: (work) => void work }), tenant);
  return { tenant, token: await mintToken({ tenant, roles: ["developer"] }) };
}

async function post(token: string | undefined, archive: Uint8Array): Promise<ApiAnswer> {
  return api("post", "/api/plugins/upload", { token, raw: formOf({ package: archive }) });
}

test("an upload answers 201 with the version, then 200 with the same", async () => {
  const { tenant, token } = await developer();
  const archive = await archiveOf();
  const created = await post(token, archive);
  expect(created.status).toBe(201);
  const version = v.parse(VersionAnswer, created.body);
  expect(version).toMatchObject({
    pluginId: "acme.count",
    version: "1.0.0",
    functions: ["echo"],
    uploadedBy: "user-1",
  });
  const again = await post(token, archive);
  expect([again.status, again.body]).toEqual([200, created.body]);

  const listed = await api("get", "/api/v1/plugins/acme.count/versions?limit=1", { token });
  expect(listed.body).toEqual({
    items: [
      {
        id: version.id,
        pluginId: "acme.count",
        ownerTenantId: tenant,
        version: "1.0.0",
        state: "validated",
        verdict: "clean",
        packageDigest: version.packageDigest,
        packageBytes: version.packageBytes,
        uploadedBy: "user-1",
        yankedAt: null,
        yankReason: null,
        asks: [],
        channel: "stable",
        needsConsent: false,
        pinned: false,
        standing: [],
        createdAt: version.createdAt,
      },
    ],
    nextCursor: null,
  });
});

test("versions come in pages", async () => {
  const { token } = await developer();
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) await post(token, await archiveOf({ version }));
  const read = async (query: string): Promise<{ items: { version: string }[]; nextCursor: string | null }> => {
    const { body } = await api("get", `/api/plugins/acme.count/versions${query}`, { token });
    return body as { items: { version: string }[]; nextCursor: string | null }; // the route's own schema
  };
  const first = await read("?limit=2");
  expect(first.items.map(({ version }) => version)).toEqual(["1.2.0", "1.1.0"]);
  const second = await read(`?limit=2&cursor=${first.nextCursor ?? ""}`);
  expect([second.items.map(({ version }) => version), second.nextCursor]).toEqual([["1.0.0"], null]);
});

test("a scan that refuses is a problem with its findings", async () => {
  const { token } = await developer();
  const answer = await post(token, await archiveOf({}, wasm({ imports: [{ module: "env", name: "eval" }] })));
  const problem = expectProblem(answer, "SCAN_REFUSED");
  expect(problem["findings"]).toMatchObject([
    { rule: "import-unknown", severity: "critical", evidence: "import env.eval" },
  ]);
  await expectNothingIncoming();
});

test("every problem of a manifest is in the answer", async () => {
  const { token } = await developer();
  const answer = await post(token, await archiveOf({ hooks: [{ name: "", function: "echo" }], extra: 1 }));
  expect(expectProblem(answer, "MANIFEST_INVALID")["issues"]).toEqual([
    { path: "/hooks/0/name", message: "must be a hook such as `file:process`" },
    { path: "/extra", message: "is not a known field" },
  ]);
});

test("a body that is no form, and a role that may not upload, are refused before anything is read", async () => {
  const { tenant, token } = await developer();
  expectProblem(await api("post", "/api/plugins/upload", { token, body: {} }), "MEDIA_TYPE_UNSUPPORTED");
  const viewer = await mintToken({ tenant, roles: ["viewer"] });
  expectProblem(await post(viewer, await archiveOf()), "PERMISSION_DENIED");
  expectProblem(await post(undefined, await archiveOf()), "AUTHENTICATION_REQUIRED");
});
