import { UnsecuredJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { permits, ROLE_NAMES, type Permission } from "../../../sdk/contract/roles.ts";
import { routes } from "../../../worker/routes.ts";
import { api, expectProblem, problemIn } from "../../support/workers/api.ts";
import { EXAMPLES, exampleOf, pathsOf, requestFor } from "../../support/workers/examples.ts";
import { rowsOf, seedResources, type Resources } from "../../support/workers/resources.ts";
import { mintToken, usualClaims } from "../../support/workers/tokens.ts";

/** Walks the table of routes: an operation is covered on the day it is written, or fails for want of an example. */

let resources: Resources;
let before: string;

beforeAll(async () => {
  resources = await seedResources("acme");
  before = await rowsOf("acme");
});

const each = routes.map((route) => ({ id: route.operationId, route }));
const guarded = each.filter(({ route }) => route.permission !== "public");
const open = each.filter(({ route }) => route.permission === "public");

const past = (): number => Math.floor(Date.now() / 1000) - 600;
const ADMIN = { tenant: "acme", roles: ["admin"] };

/** Proofs of identity that no operation may take, each of an admin of the tenant otherwise. */
const FORGERIES: readonly (readonly [string, () => string | Promise<string>])[] = [
  ["a wrong signature", () => mintToken({ ...ADMIN, key: "ES256", header: { kid: "key-second" } })],
  [
    "another token's signature",
    async () => {
      const [admin, viewer] = [await mintToken(ADMIN), await mintToken({ ...ADMIN, roles: ["viewer"] })];
      return [...admin.split(".").slice(0, 2), viewer.split(".")[2]].join(".");
    },
  ],
  ["an expired token", () => mintToken({ ...ADMIN, claims: { exp: past() } })],
  ["the wrong audience", () => mintToken({ ...ADMIN, claims: { aud: "https://elsewhere.test" } })],
  ["the wrong issuer", () => mintToken({ ...ADMIN, claims: { iss: "https://elsewhere.test" } })],
  ["alg none", () => new UnsecuredJWT(usualClaims(ADMIN)).encode()],
  ["a made-up API key", () => `pbk_acme_${resources.keyId}_${"0".repeat(64)}`],
];

describe("every operation", () => {
  test("has one example, and every example has an operation", () => {
    expect(Object.keys(EXAMPLES).sort()).toEqual(routes.map((route) => route.operationId).sort());
  });

  test("that anybody may call is listed here", () => {
    expect(open.map(({ id }) => id).sort()).toEqual([
      "confirmAlertEmail",
      "deletePluginEndpoint",
      "getDescription",
      "getErrorReference",
      "getKeySet",
      "getLiveness",
      "getPageStyle",
      "getPluginEndpoint",
      "getReadiness",
      "getReference",
      "getReferenceScript",
      "getSystemHealth",
      "optionsPluginEndpoint",
      "patchPluginEndpoint",
      "postPluginEndpoint",
      "putPluginEndpoint",
      "receivePluginWebhook",
      "showAlertEmailLink",
    ]);
  });
});

describe.each(guarded)("$id", ({ route }) => {
  test("asks for a token", async () => {
    const example = exampleOf(route, resources);
    for (const path of pathsOf(route, example)) {
      const answer = await api(route.method, path, requestFor(example));
      expectProblem(answer, "AUTHENTICATION_REQUIRED");
      expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="patchbay"');
    }
  });

  test.each(FORGERIES)("refuses %s", async (_name, forge) => {
    const example = exampleOf(route, resources);
    const token = await forge();
    for (const path of pathsOf(route, example)) {
      const answer = await api(route.method, path, requestFor(example, token));
      expectProblem(answer, "TOKEN_INVALID");
      expect(JSON.stringify(answer.body)).not.toContain(token);
    }
  });

  test("refuses a token of a tenant that does not exist", async () => {
    const example = exampleOf(route, resources);
    const token = await mintToken({ tenant: "nobody", roles: ["admin"] });
    const answer = await api(route.method, pathsOf(route, example)[0] ?? "", requestFor(example, token));
    expect(problemIn(answer)["code"]).toBe("TENANT_UNKNOWN");
  });

  // An admin of a tenant that is not the platform's has no power over tenants.
  const tooSmall = ROLE_NAMES.filter(
    (role) => route.permission === "platform:admin" || !permits([role], route.permission as Permission), // guarded routes name one
  );

  test.each([
    { name: "no role", roles: [] },
    { name: "an unknown role", roles: ["root"] },
    ...tooSmall.map((role) => ({ name: `role ${role}`, roles: [role] })),
  ])("refuses $name", async ({ roles }) => {
    const example = exampleOf(route, resources);
    const token = await mintToken({ tenant: "acme", roles });
    for (const path of pathsOf(route, example)) {
      const problem = expectProblem(await api(route.method, path, requestFor(example, token)), "PERMISSION_DENIED");
      expect(problem["detail"]).toBe(`The permission "${route.permission}" is required.`);
    }
  });
});

describe("all these refusals together", () => {
  test("changed nothing of the tenant", async () => {
    expect(await rowsOf("acme")).toBe(before);
  });
});
