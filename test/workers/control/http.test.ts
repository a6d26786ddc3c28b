import { exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { recordExecutions } from "../../../worker/control/executions/actions.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { makeDeps, NOW, seedTenant, seedVersion } from "./fixtures.ts";

/** The routes of plugins, installs and executions as a client sees them: paths, status codes, bodies, pages. */

const ID = "acme.echo";
let actor: Actor;
let token: string;

beforeAll(async () => {
  actor = await seedTenant();
  await seedVersion({ tenantId: actor.tenantId });
  await seedVersion({ tenantId: actor.tenantId, version: "2.0.0" });
  await compileSnapshot(makeDeps(), actor.tenantId);
  token = await mintToken({ tenant: actor.tenantId, subject: "olga", roles: ["operator"] });
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = new Headers({ authorization: `Bearer ${token}` });
  if (body !== undefined) headers.set("content-type", "application/json");
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await exports.default.fetch(new Request(`https://patchbay.test/api/plugins${path}`, init));
  return { status: answer.status, body: await answer.json() };
}

async function pages(path: string): Promise<unknown[][]> {
  const found: unknown[][] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { body } = await call("GET", `${path}${cursor === "" ? "" : `&cursor=${cursor}`}`);
    const page = body as unknown as { items: { id: string }[]; nextCursor: string | null }; // the shape under test
    found.push(page.items.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  return found;
}

function entries(n: number, size: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: n }, (_, index) => [`name-${index}`, "x".repeat(size)]));
}

test("the life of an install, over both paths of each pair", async () => {
  const steps: [string, string, unknown, number, string][] = [
    ["POST", "/install", { pluginId: ID, version: "1.0.0" }, 201, "active"],
    ["POST", "/install", { pluginId: ID, version: "1.0.0" }, 200, "active"],
    ["POST", `/install/${ID}`, undefined, 200, "active"],
    ["POST", `/${ID}/deactivate`, undefined, 200, "inactive"],
    ["POST", `/${ID}/activate`, undefined, 200, "active"],
    ["POST", `/${ID}/unload`, undefined, 200, "inactive"],
    ["POST", `/${ID}/load`, undefined, 200, "active"],
    ["PUT", `/${ID}`, { version: "2.0.0", config: { token: "hidden-value" }, limits: { fuel: 10 } }, 200, "active"],
    ["DELETE", `/${ID}`, undefined, 200, "uninstalled"],
    ["POST", `/install/${ID}`, { version: "1.0.0", activate: false }, 201, "installed"],
    ["DELETE", `/uninstall/${ID}`, undefined, 200, "uninstalled"],
    ["POST", `/install/${ID}`, undefined, 201, "active"],
  ];
  for (const [method, path, body, status, state] of steps) {
    const answer = await call(method, path, body);
    expect([method, path, answer.status, answer.body["state"]]).toEqual([method, path, status, state]);
    expect(JSON.stringify(answer.body)).not.toContain("hidden-value");
  }
  const { body } = await call("GET", `/${ID}`);
  expect(body).toMatchObject({ id: ID, state: "active", installedVersion: "2.0.0", latestVersion: "2.0.0" });
  expect(body["install"]).toMatchObject({ version: "2.0.0", state: "active" });
  expect((await pages(`/${ID}/events?limit=5`)).flat()).toHaveLength(13);
});

describe("what is refused says why", () => {
  test.each<[string, string, unknown, number, string, string | undefined]>([
    ["PUT", "/acme.other", { config: {} }, 404, "INSTALL_NOT_FOUND", undefined],
    ["POST", "/install/acme.other", undefined, 404, "PLUGIN_NOT_FOUND", undefined],
    ["GET", "/acme.other", undefined, 404, "PLUGIN_NOT_FOUND", undefined],
    ["GET", "/acme.other/events", undefined, 404, "PLUGIN_NOT_FOUND", undefined],
    ["GET", "/acme.other/executions", undefined, 404, "PLUGIN_NOT_FOUND", undefined],
    ["GET", "/executions/01J00000000000000000000009", undefined, 404, "EXECUTION_NOT_FOUND", undefined],
    ["GET", "/executions/nonsense", undefined, 400, "REQUEST_INVALID", "executionId"],
    ["POST", "/install", undefined, 400, "REQUEST_INVALID", ""],
    ["POST", "/install", { pluginId: "Not An Id" }, 400, "REQUEST_INVALID", "/pluginId"],
    ["POST", "/install", { pluginId: ID, version: "latest" }, 400, "REQUEST_INVALID", "/version"],
    ["POST", "/install", { pluginId: ID, activate: "yes" }, 400, "REQUEST_INVALID", "/activate"],
    ["POST", "/install", { pluginId: ID, config: "a" }, 400, "REQUEST_INVALID", "/config"],
    [
      "POST",
      "/install",
      { pluginId: ID, config: { a: { constructor: 1 } } },
      400,
      "REQUEST_INVALID",
      "/config/a/constructor",
    ],
    ["POST", "/install", { pluginId: ID, config: { a: "x".repeat(8_193) } }, 400, "REQUEST_INVALID", "/config/a"],
    ["POST", "/install", { pluginId: ID, limits: { fuel: -1 } }, 400, "REQUEST_INVALID", "/limits/fuel"],
    ["POST", "/install", { pluginId: ID, limits: { fuel: 1e99 } }, 400, "REQUEST_INVALID", "/limits/fuel"],
    ["POST", "/install", { pluginId: ID, limits: { speed: 1 } }, 400, "REQUEST_INVALID", "/limits/speed"],
    ["POST", "/install", { pluginId: ID, other: 1 }, 400, "REQUEST_INVALID", "/other"],
    ["PUT", `/${ID}`, {}, 400, "REQUEST_INVALID", ""],
    ["GET", "/?limit=0", undefined, 400, "REQUEST_INVALID", "limit"],
    ["GET", "/?state=asleep", undefined, 400, "REQUEST_INVALID", "state"],
    ["GET", "/?installed=maybe", undefined, 400, "REQUEST_INVALID", "installed"],
    ["GET", "/?cursor=bm9wZQ", undefined, 400, "REQUEST_INVALID", "cursor"],
    ["GET", `/${ID}/events?type=plugin.sung`, undefined, 400, "REQUEST_INVALID", "type"],
    ["GET", `/${ID}/executions?status=lost`, undefined, 400, "REQUEST_INVALID", "status"],
    ["GET", `/${ID}/executions?from=yesterday`, undefined, 400, "REQUEST_INVALID", "from"],
    ["GET", `/${ID}/executions?from=2026-13-01T00:00Z`, undefined, 400, "REQUEST_INVALID", "from"],
    ["GET", `/${ID}/executions?from=20&to=10`, undefined, 400, "REQUEST_INVALID", "from"],
  ])("%s %s %j → %i %s", async (method, path, body, status, code, issue) => {
    const answer = await call(method, path, body);
    expect(answer.body).toMatchObject({ status, code });
    expect(answer.status).toBe(status);
    const issues = (answer.body["issues"] ?? []) as { path: string }[];
    expect(issues.map(({ path: place }) => place)).toEqual(issue === undefined ? [] : [issue]);
  });

  test("a configuration that is too large in sum, or has too many names", async () => {
    for (const [config, message] of [
      [entries(9, 8_000), "must be at most 65536 bytes, names and values together; found 72054"],
      [entries(101, 1), "must have at most 100 entries; found 101"],
      [{ ["n".repeat(129)]: "x" }, "must have a name of 1 to 128 bytes"],
    ] as const) {
      const { status, body } = await call("PUT", `/${ID}`, { config });
      expect(status).toBe(400);
      expect((body["issues"] as { message: string }[]).map((issue) => issue.message)).toEqual([message]);
    }
  });

  test("a move that the state does not allow names the moves that it does", async () => {
    await call("POST", "/install", { pluginId: ID });
    const { status, body } = await call("POST", "/install", { pluginId: ID, version: "9.9.9" });
    expect(status).toBe(409);
    expect(body).toMatchObject({ code: "STATE_CONFLICT", differences: ["version"], version: "2.0.0" });
  });
});

describe("lists", () => {
  test("plugins by page", async () => {
    for (const name of ["a", "b", "c"]) await seedVersion({ tenantId: actor.tenantId, pluginId: `acme.page-${name}` });
    expect(await pages("/?limit=2&q=acme.page")).toEqual([["acme.page-a", "acme.page-b"], ["acme.page-c"]]);
    expect(await pages("/?limit=3&q=acme.page")).toEqual([["acme.page-a", "acme.page-b", "acme.page-c"]]);
    expect(await pages("/?limit=3&q=acme.none")).toEqual([[]]);
  });

  test("executions by page, period and id", async () => {
    const ids = ["01J00000000000000000000A01", "01J00000000000000000000A02", "01J00000000000000000000A03"];
    await recordExecutions(
      makeDeps(),
      ids.map((id, n) => ({
        id,
        tenantId: actor.tenantId,
        installId: "01J00000000000000000000001",
        pluginId: ID,
        version: "1.0.0",
        functionName: "run",
        status: "succeeded",
        errorCode: null,
        errorDetail: null,
        durationMs: 1,
        fuel: 1,
        memoryBytes: 1,
        hostCalls: 0,
        inputBytes: 0,
        outputBytes: 0,
        logLines: 0,
        traceId: "0".repeat(32),
        subject: "carl",
        startedAt: NOW + n * 1_000,
      })),
    );
    const [first, second, third] = ids;
    expect(await pages(`/${ID}/executions?limit=2`)).toEqual([[third, second], [first]]);
    expect(await pages(`/${ID}/executions?from=2026-01-01T00:00:01Z&to=${NOW + 2_000}`)).toEqual([[second]]);
    const { status, body } = await call("GET", `/executions/${first ?? ""}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: first, pluginId: ID, subject: "carl" });
    expect(body).not.toHaveProperty("tenantId");
  });
});

test("the versioned mount answers the same", async () => {
  const request = new Request(`https://patchbay.test/api/v1/plugins/${ID}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const answer = await exports.default.fetch(request);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ id: ID });
});
