import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { snapshotKey } from "../../../worker/execution/snapshot.ts";
import { joinPath, MOUNTS } from "../../../worker/http/path-table.ts";
import type { Route } from "../../../worker/http/route.ts";
import { routes } from "../../../worker/routes.ts";
import { api, expectProblem, type ApiAnswer } from "../../support/workers/api.ts";
import { exampleOf, requestFor } from "../../support/workers/examples.ts";
import { rowsOf, seedResources, type Resources } from "../../support/workers/resources.ts";
import { mintToken } from "../../support/workers/tokens.ts";

/** What one tenant may see and change of another: nothing, not even that it exists. */

const ABSENT: Resources = {
  tenantId: "absent",
  pluginId: "absent.notes",
  executionId: "01J00000000000000000000000",
  keyId: "01J00000000000000000000001",
  subject: "member-of-absent",
};

let owner: Resources;
let intruder: string;

beforeAll(async () => {
  owner = await seedResources("acme");
  await seedResources("globex");
  intruder = await mintToken({ tenant: "globex", subject: "mallory", roles: ["admin"] });
});

function call(route: Route, resources: Resources, token: string): Promise<ApiAnswer> {
  const example = exampleOf(route, resources);
  const [mount = ""] = MOUNTS[route.mount];
  return api(route.method, joinPath(mount, example.path), requestFor(example, token));
}

async function snapshotTag(tenantId: string): Promise<string | undefined> {
  return (await env.STORE.head(snapshotKey(tenantId)))?.etag;
}

/** The answer's text without what must differ: the trace, and the names that the request itself gave. */
function anonymous(answer: ApiAnswer, resources: Resources): string {
  let text = JSON.stringify(answer.body).replaceAll(String(answer.headers.get("x-trace-id")), "TRACE");
  for (const name of Object.values(resources)) text = text.replaceAll(String(name), "NAME");
  return text;
}

const owning = routes
  .map((route) => ({ id: route.operationId, route, foreign: exampleOf(route, ABSENT).foreign }))
  .filter((entry) => entry.foreign !== undefined);
const guarded = routes
  .filter((route) => route.permission !== "public")
  .map((route) => ({ id: route.operationId, route }));

describe("a resource of another tenant", () => {
  test("is what most operations name", () => {
    expect(owning.length).toBeGreaterThan(12);
  });

  test.each(owning)("is to $id what does not exist", async ({ route, foreign = "INTERNAL" }) => {
    const before = await rowsOf("acme");
    const answer = await call(route, owner, intruder);
    expect(expectProblem(answer, foreign)["status"]).toBe(404);
    expect(anonymous(answer, owner)).toBe(anonymous(await call(route, ABSENT, intruder), ABSENT));
    expect(await rowsOf("acme")).toBe(before);
  });

  test.each(guarded)("is not in what $id answers", async ({ route }) => {
    const answer = await call(route, ABSENT, intruder);
    const text = JSON.stringify(answer.body);
    for (const name of [owner.pluginId, owner.executionId, owner.keyId, owner.subject])
      expect(text).not.toContain(name);
  });

  test.each(guarded)("is not changed by $id", async ({ route }) => {
    const before = [await rowsOf("acme"), await snapshotTag("acme")];
    await call(route, owner, intruder);
    expect([await rowsOf("acme"), await snapshotTag("acme")]).toEqual(before);
  });
});

describe("an operation's own example", () => {
  test.each(guarded)("is a good request of $id, so that the refusals above are about identity", async ({ route }) => {
    const resources = await seedResources(`own-${route.operationId.toLowerCase()}`);
    const tenant = route.permission === "platform:admin" ? PLATFORM_TENANT : resources.tenantId;
    const answer = await call(route, resources, await mintToken({ tenant, roles: ["admin"] }));
    const { code } = (answer.body ?? {}) as { code?: string }; // absent unless it is a problem
    expect(REFUSALS).not.toContain(code);
  });
});

/** Codes that say the example itself is wrong. */
const REFUSALS = [
  "REQUEST_INVALID",
  "BODY_UNREADABLE",
  "MEDIA_TYPE_UNSUPPORTED",
  "ROUTE_NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "AUTHENTICATION_REQUIRED",
  "TOKEN_INVALID",
  "TENANT_UNKNOWN",
  "TENANT_NOT_FOUND",
  "PERMISSION_DENIED",
  "PLUGIN_NOT_FOUND",
  "INSTALL_NOT_FOUND",
  "EXECUTION_NOT_FOUND",
  "MEMBER_NOT_FOUND",
  "KEY_NOT_FOUND",
];
