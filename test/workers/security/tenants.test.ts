import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { snapshotKey } from "../../../worker/execution/snapshot.ts";
import { joinPath, MOUNTS } from "../../../worker/http/path-table.ts";
import { errorsOf } from "../../../worker/http/openapi.ts";
import type { Route } from "../../../worker/http/route.ts";
import { routes } from "../../../worker/routes.ts";
import { api, expectProblem, problemIn, type ApiAnswer } from "../../support/workers/api.ts";
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
  deadLetterId: "01J00000000000000000000002",
  webhookId: "01J00000000000000000000003",
  deliveryId: "01J00000000000000000000004",
  outgoingId: "01J00000000000000000000004",
  alertRuleId: "01J00000000000000000000005",
  alertId: "01J00000000000000000000006",
  silenceId: "01J00000000000000000000007",
  alertEmailId: "01J00000000000000000000008",
  auditId: "01J00000000000000000000005",
  findingId: "01J00000000000000000000006",
  advisoryId: "01J00000000000000000000007",
  mailedId: "01J00000000000000000000009",
  backupId: "01J00000000000000000000009",
  restoreId: "01J00000000000000000000010",
};

let owner: Resources;
let intruder: string;

beforeAll(async () => {
  owner = await seedResources("acme");
  await seedResources("globex");
  intruder = await mintToken({ tenant: "globex", subject: "mallory", roles: ["admin"] });
});

afterEach(() => vi.restoreAllMocks());

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
    expect(errorsOf(route)).toContain(foreign);
    expect(anonymous(answer, owner)).toBe(anonymous(await call(route, ABSENT, intruder), ABSENT));
    expect(await rowsOf("acme")).toBe(before);
  });

  test.each(guarded)("is not in what $id answers", async ({ route }) => {
    const answer = await call(route, ABSENT, intruder);
    const text = JSON.stringify(answer.body ?? null);
    for (const name of [
      owner.pluginId,
      owner.executionId,
      owner.keyId,
      owner.subject,
      owner.deadLetterId,
      owner.webhookId,
    ])
      expect(text).not.toContain(name);
  });

  test.each(guarded)("is not changed by $id", async ({ route }) => {
    const before = [await rowsOf("acme"), await snapshotTag("acme")];
    await call(route, owner, intruder);
    expect([await rowsOf("acme"), await snapshotTag("acme")]).toEqual(before);
  });
});

const SUCCESS = expect.toSatisfy((status: number) => status >= 200 && status < 300) as unknown;

describe("an operation's own example", () => {
  test.each(guarded)("is a good request of $id, answered as the API description says", async ({ route }) => {
    const resources = await seedResources(`own-${route.operationId.toLowerCase()}`);
    const tenant = route.permission === "platform:admin" ? PLATFORM_TENANT : resources.tenantId;
    vi.spyOn(console, "error").mockReturnValue();
    const answer = await call(route, resources, await mintToken({ tenant, roles: ["admin"] }));
    const { ends } = exampleOf(route, resources);
    if (ends !== undefined) {
      expect(problemIn(answer)["code"]).toBe(ends);
      return;
    }
    expect(answer).toMatchObject({ status: SUCCESS });
    const declared = route.answers[answer.status];
    expect(declared?.description).toEqual(expect.any(String));
    if (declared?.schema) expect(v.safeParse(declared.schema, answer.body).issues).toBeUndefined();
  });
});
