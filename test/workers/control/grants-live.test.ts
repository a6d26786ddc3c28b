import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { recordExecutions } from "../../../worker/control/executions/actions.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import { routes } from "../../../worker/routes.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { expectProblem, type ApiAnswer, type ApiRequest } from "../../support/workers/api.ts";
import { probe } from "../../support/workers/probe.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { guestBytes } from "../execution/guest-installs.ts";
import { makeDeps, seedTenant } from "./fixtures.ts";

/** Grants from the upload of a real plugin to its calls: asked, refused, granted, used, revoked, and what is told of it. */

const sent: ExecutionRecord[] = [];
/** Takes the place of the queue, so that the test says when records are consumed, and how often. */
const OUTCOMES = {
  sendBatch: (batch: Iterable<{ body: ExecutionRecord }>) => {
    for (const { body } of batch) sent.push(body);
    return Promise.resolve();
  },
} as unknown as Env["OUTCOMES"]; // the reporter sends batches and nothing else
const call = probe(routes, { OUTCOMES });

let tenantId: string;
let id: string;
let operator: string;
let admin: string;

const send = (method: string, path: string, request: ApiRequest): Promise<ApiAnswer> =>
  call(method, `/api/plugins${path}`, request);
const run = (functionName: string) =>
  send("post", `/${id}/execute`, { token: operator, body: { function: functionName, input: "abc" } });

/** What the plugin passed on of the platform's answer. */
function told(answer: ApiAnswer): unknown {
  const { status, output } = answer.body as { status: string; output: string }; // the shape under test
  expect(status).toBe("succeeded");
  return JSON.parse(output);
}

beforeAll(async () => {
  ({ tenantId } = await seedTenant());
  await compileSnapshot(makeDeps(), tenantId);
  id = `${tenantId}.hash`;
  operator = await mintToken({ tenant: tenantId, subject: "olga", roles: ["operator"] });
  admin = await mintToken({ tenant: tenantId, subject: "ada", roles: ["admin"] });
  const form = new FormData();
  const manifest = manifestOf({ id, permissions: [{ capability: "crypto", reason: "to digest" }] });
  form.set("manifest", new Blob([JSON.stringify(manifest)]), "manifest.json");
  form.set("wasm", new Blob([guestBytes("capability")]), "plugin.wasm");
  await send("post", "/upload", { token: admin, raw: form });
  await send("post", `/install/${id}`, { token: operator, body: {} });
});

test("asked, refused, granted, used, narrowed, revoked", async () => {
  const refused = {
    error: { code: "GRANT_MISSING", message: expect.stringContaining("no grant for crypto") as string },
  };
  const digest = { value: { hex: expect.stringMatching(/^ba7816bf/) as string } };

  const { body: plugin } = await send("get", `/${id}`, { token: operator });
  expect(plugin).toMatchObject({ state: "active", install: { installedBy: "olga" } });
  // What is only asked for is refused: the guest is told, and may go on.
  expect(told(await run("digest"))).toEqual(refused);
  // A guest that gives up over it ends as the caller's problem, not as the plugin's fault.
  const gaveUp = await run("give_up");
  expect(expectProblem(gaveUp, "GRANT_MISSING")["status"]).toBe(403);

  const path = `/${id}/permissions`;
  expectProblem(await send("put", path, { token: operator, body: { grants: {} } }), "PERMISSION_DENIED");
  const put = await send("put", path, { token: admin, body: { grants: { crypto: {} } } });
  expect(put.body).toMatchObject({ permissions: [{ capability: "crypto", reason: "to digest", status: "granted" }] });
  expect(told(await run("digest"))).toEqual(digest);

  const tag = put.headers.get("etag") ?? "";
  const narrower = { grants: { crypto: { quotas: { operations: 0 } } } };
  const narrowed = await send("put", path, { token: admin, headers: { "if-match": tag }, body: narrower });
  expect(narrowed.headers.get("etag")).not.toBe(tag);
  expect(told(await run("digest"))).toMatchObject({ error: { code: "CAPABILITY_QUOTA_EXCEEDED" } });
  const stale = await send("put", path, { token: admin, headers: { "if-match": tag }, body: { grants: {} } });
  expect(stale.status).toBe(412);

  await send("post", `${path}/revoke`, { token: admin, body: { capabilities: ["crypto"] } });
  expect(told(await run("digest"))).toEqual(refused);
});

describe("once the records are consumed, twice", () => {
  beforeAll(async () => {
    await recordExecutions(makeDeps(), sent);
    await recordExecutions(makeDeps(), sent);
  });

  test("each execution with a refusal is one security event and one audit row", async () => {
    const events = await send("get", "/events?type=security.violated", { token: operator });
    const { items } = events.body as { items: { data: Record<string, unknown> }[] };
    expect(
      items.map(({ data }) => [data["functionName"], data["code"], data["capabilities"], data["refused"]]),
    ).toEqual(
      expect.arrayContaining([
        ["digest", undefined, "crypto", 1],
        ["give_up", "GRANT_MISSING", "crypto", 1],
        ["digest", undefined, "crypto", 1],
        ["digest", undefined, "crypto", 1],
      ]),
    );
    expect(items).toHaveLength(4);

    const log = await send("get", "/audit-logs?action=capability.refused", { token: operator });
    const rows = (log.body as { items: { resourceId: string; subject: string; after: { executionId: string } }[] })
      .items;
    expect(rows.map(({ after }) => after.executionId).sort()).toEqual(
      items.map(({ data }) => String(data["executionId"])).sort(),
    );
    expect(rows[0]).toMatchObject({ resourceId: id, subject: "olga", before: null });
  });

  test("the report counts what was used and refused", async () => {
    const { body } = await send("get", `/${id}/permissions/report`, { token: admin });
    expect(body).toMatchObject({
      pluginId: id,
      capabilities: [{ capability: "crypto", verdict: "missed", granted: null, executions: 5, calls: 5, refused: 4 }],
    });
  });

  test("use is shown to viewers", async () => {
    const viewer = await mintToken({ tenant: tenantId, roles: ["viewer"] });
    const { body } = await send("get", `/${id}/usage?days=1`, { token: viewer });
    expect(body).toMatchObject({
      capabilities: [
        { capability: "crypto", granted: false, calls: 5, refused: 4, peakCalls: 1, daily: [{ calls: 5, refused: 4 }] },
      ],
    });
  });

  test("nothing of it counts against the plugin", async () => {
    const { results } = await env.DB.prepare("SELECT error_code AS code FROM plugin_executions WHERE tenant_id = ?")
      .bind(tenantId)
      .all<{ code: string | null }>();
    expect(new Set(results.map(({ code }) => code))).toEqual(new Set([null, "GRANT_MISSING"]));
  });
});
