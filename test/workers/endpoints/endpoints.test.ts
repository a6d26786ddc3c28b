import { describe, expect, test } from "vitest";
import type { EndpointOffer } from "../../../sdk/contract/offers.ts";
import type { Role } from "../../../sdk/contract/roles.ts";
import { api, expectProblem, type ApiAnswer, type ApiRequest } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";

/** Plugin endpoints through the front door, with real plugins. */

let tenants = 0;

interface Served {
  readonly tenantId: string;
  readonly call: (method: string, path: string, request?: ApiRequest) => Promise<ApiAnswer>;
  readonly token: (roles?: readonly Role[]) => Promise<string>;
}

/** One plugin whose endpoints answer the text given, where they run nothing else. */
async function serve(
  endpoints: readonly Partial<EndpointOffer>[],
  reply = '{"json":{"served":true}}',
): Promise<Served> {
  const tenantId = `endpoints-${++tenants}`;
  const offers = endpoints.map((endpoint): EndpointOffer => ({
    method: "GET",
    path: "/",
    functionName: "reply",
    permission: "public",
    maxBodyBytes: 1_000,
    ...endpoint,
  }));
  await installGuests(tenantId, [{ guest: "member", pluginId: "shop", config: { reply } }], {
    endpoints: { shop: offers },
  });
  return {
    tenantId,
    call: (method, path, request) => api(method, `/api/plugins/run/${tenantId}/shop${path}`, request),
    token: (roles = ["caller"]) => mintToken({ tenant: tenantId, roles: [...roles] }),
  };
}

describe("a request", () => {
  test("reaches the plugin as JSON, without identity", async () => {
    const { call, token } = await serve([
      {
        method: "POST",
        path: "/orders/:id/lines/:line",
        functionName: "mirror",
        permission: "token",
        headers: ["x-own", "authorization", "cookie"],
      },
    ]);
    const answer = await call("post", "/orders/a%2Fb/lines/7?q=1&q=2&z=", {
      token: await token(),
      headers: { "x-own": "yes", "x-other": "no", cookie: "a=b", "content-type": "text/plain" },
      raw: "hello",
    });
    expect(answer.body).toEqual({
      method: "POST",
      path: "/orders/a%2Fb/lines/7",
      route: "/orders/:id/lines/:line",
      params: { id: "a/b", line: "7" },
      query: { q: ["1", "2"], z: [""] },
      headers: { "content-type": "text/plain", "x-own": "yes" },
      body: "hello",
      caller: { subject: "user-1", roles: ["caller"] },
    });
  });

  test("that is not text is given in base64, and anybody is nobody", async () => {
    const { call } = await serve([{ method: "PUT", path: "/a", functionName: "mirror" }]);
    const answer = await call("put", "/a", { raw: Uint8Array.of(0xff, 0) });
    expect(answer.body).toMatchObject({ base64: "/wA=", caller: null, params: {} });
  });

  test("is matched by method and path, literal segments first", async () => {
    const { call } = await serve([
      { path: "/orders/list" },
      { path: "/orders/:id", functionName: "broken" },
      { path: "/orders/:id", method: "DELETE" },
    ]);
    expect((await call("get", "/orders/list")).body).toEqual({ served: true });
    expect((await call("get", "/orders/list/")).status).toBe(200);
    expectProblem(await call("get", "/orders/7"), "PLUGIN_TRAPPED");
    expect((await call("delete", "/orders/7")).status).toBe(200);
    expectProblem(await call("get", "/orders"), "ENDPOINT_NOT_FOUND");
    expectProblem(await call("get", "/orders/%ff"), "ENDPOINT_NOT_FOUND");
    const refused = await call("post", "/orders/7", { raw: "x" });
    expectProblem(refused, "METHOD_NOT_ALLOWED");
    expect(refused.headers.get("allow")).toBe("DELETE, GET, HEAD, OPTIONS");
  });

  test("for the plugin itself is matched with and without a slash", async () => {
    const { call } = await serve([{ path: "/" }]);
    expect((await call("get", "/")).status).toBe(200);
    expect((await call("get", "")).status).toBe(200);
  });

  test("HEAD is answered like GET, without the body", async () => {
    const { call } = await serve([{ path: "/a" }], '{"body":"text","headers":{"etag":"\\"1\\""}}');
    const answer = await call("head", "/a");
    expect([answer.status, answer.body, answer.headers.get("etag")]).toEqual([200, "", '"1"']);
  });

  test("with too large a body is refused before anything runs", async () => {
    const { call } = await serve([{ path: "/a", method: "POST", maxBodyBytes: 3 }]);
    expect((await call("post", "/a", { raw: "abc" })).status).toBe(200);
    expectProblem(await call("post", "/a", { raw: "abcd" }), "INPUT_TOO_LARGE");
  });
});

describe("an answer", () => {
  test.each<[string, string, Partial<ApiAnswer> & { type?: string | null }]>([
    ["JSON", '{"status":201,"json":{"a":1}}', { status: 201, body: { a: 1 }, type: "application/json" }],
    ["text", '{"body":"hi"}', { status: 200, body: "hi", type: "text/plain; charset=utf-8" }],
    ["bytes", '{"base64":"aGk="}', { status: 200, body: "hi", type: "application/octet-stream" }],
    ["nothing", '{"status":204,"headers":{"content-type":"text/css"}}', { status: 204, body: "", type: null }],
    ["an error of its own", '{"status":404,"json":{"no":1}}', { status: 404, body: { no: 1 } }],
  ])("is %s", async (_what, reply, { type, ...expected }) => {
    const { call } = await serve([{}], reply);
    const answer = await call("get", "/");
    expect(answer).toMatchObject(expected);
    if (type !== undefined) expect(answer.headers.get("content-type")).toBe(type);
    expect(answer.headers.get("x-execution-id")).toMatch(/^[0-9A-Z]{26}$/);
  });

  test("has only headers that are the plugin's to set", async () => {
    const headers = {
      "Content-Type": "text/html",
      "Set-Cookie": "session=stolen",
      "Content-Security-Policy": "default-src *",
      "Access-Control-Allow-Origin": "*",
      "X-Trace-Id": "forged",
      "X-Frame-Options": "ALLOWALL",
      "Transfer-Encoding": "chunked",
      "X-Total": "3",
    };
    const { call } = await serve([{}], JSON.stringify({ headers, body: "<script>1</script>" }));
    const answer = await call("get", "/");
    expect(answer.headers.get("x-total")).toBe("3");
    expect(answer.headers.get("content-security-policy")).toMatch(/^sandbox; default-src 'none'/);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("x-trace-id")).toMatch(/^[0-9a-f]{32}$/);
    for (const name of ["set-cookie", "access-control-allow-origin", "x-frame-options"]) {
      expect([name, answer.headers.get(name)]).toEqual([name, null]);
    }
  });

  test("for few does not wait in a shared cache", async () => {
    const { call, token } = await serve(
      [{ permission: "token" }],
      '{"headers":{"cache-control":"public, max-age=60"},"body":""}',
    );
    expect((await call("get", "/", { token: await token() })).headers.get("cache-control")).toBe("no-store");
    const open = await serve([{}], '{"headers":{"cache-control":"public, max-age=60"},"body":""}');
    expect((await open.call("get", "/")).headers.get("cache-control")).toBe("public, max-age=60");
  });

  test.each([
    ["no JSON"],
    ['{"status":99}'],
    ['{"status":101}'],
    ['{"other":1}'],
    ['{"headers":{"a b":"c"}}'],
    ['{"headers":{"a":"b\\r\\nset-cookie: c"}}'],
    ['{"body":"a","json":1}'],
    ['{"base64":"§"}'],
    ["[]"],
  ])("that is none is a problem: %s", async (reply) => {
    const { call } = await serve([{}], reply);
    expectProblem(await call("get", "/"), "ENDPOINT_ANSWER_INVALID");
  });

  test("to anybody does not tell the plugin's own words of a failure", async () => {
    const { call, token } = await serve([
      { functionName: "broken" },
      { functionName: "broken", path: "/mine", permission: "token" },
    ]);
    expect(expectProblem(await call("get", "/"), "PLUGIN_TRAPPED")["detail"]).toBe("The plugin trapped.");
    const mine = expectProblem(await call("get", "/mine", { token: await token() }), "PLUGIN_TRAPPED");
    expect(mine["detail"]).not.toBe("The plugin trapped.");
  });
});

describe("who may call", () => {
  test.each<[string, Partial<EndpointOffer>, readonly Role[] | undefined, string]>([
    ["public: anybody", { permission: "public" }, undefined, "200"],
    ["token: nobody without", { permission: "token" }, undefined, "AUTHENTICATION_REQUIRED"],
    ["token: any role", { permission: "token" }, ["viewer"], "200"],
    ["a permission: who has it", { permission: "plugins:execute" }, ["caller"], "200"],
    ["a permission: nobody else", { permission: "plugins:execute" }, ["viewer"], "PERMISSION_DENIED"],
    ["a role: who has it", { permission: "token", roles: ["operator"] }, ["operator"], "200"],
    ["a role: nobody else", { permission: "token", roles: ["operator"] }, ["admin"], "PERMISSION_DENIED"],
  ])("%s", async (_what, endpoint, roles, expected) => {
    const { call, token } = await serve([endpoint]);
    const answer = await call("get", "/", roles ? { token: await token(roles) } : {});
    expect(answer.status === 200 ? "200" : (answer.body as { code: string }).code).toBe(expected);
  });

  test("a hidden endpoint answers strangers as one that does not exist", async () => {
    const { tenantId, call } = await serve([{ path: "/secret", permission: "token" }]);
    const stranger = await mintToken({ tenant: "endpoints-1", roles: ["admin"] });
    const paths = [
      `/api/plugins/run/${tenantId}/shop/secret`,
      `/api/plugins/run/${tenantId}/shop/other`,
      `/api/plugins/run/${tenantId}/none/secret`,
      "/api/plugins/run/nowhere/shop/secret",
    ];
    for (const path of paths) {
      expectProblem(await api("get", path), "AUTHENTICATION_REQUIRED");
      expectProblem(await api("options", path), "AUTHENTICATION_REQUIRED");
      expectProblem(await api("get", path, { token: stranger }), "ENDPOINT_NOT_FOUND", "No plugin serves this path.");
    }
    expectProblem(await call("get", "/secret", { token: "junk" }), "TOKEN_INVALID");
  });
});

describe("CORS", () => {
  const origin = "https://app.example.com";
  const endpoint = { path: "/a", method: "POST", permission: "token", origins: [origin], headers: ["x-own"] } as const;

  test("a preflight is answered from the manifest", async () => {
    const { call } = await serve([endpoint]);
    const headers = { origin, "access-control-request-method": "POST" };
    const answer = await call("options", "/a", { headers });
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "OPTIONS, POST",
      "access-control-allow-headers": expect.stringContaining("x-own") as string,
      vary: "origin",
    });
  });

  test("other origins, and other methods, are not let in", async () => {
    const { call } = await serve([endpoint]);
    for (const headers of [
      { origin: "https://evil.example.com", "access-control-request-method": "POST" },
      { origin, "access-control-request-method": "GET" },
    ]) {
      const answer = await call("options", "/a", { headers });
      expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([401, null]);
    }
  });

  test("pages may read answers and refusals", async () => {
    const { call, token } = await serve([endpoint]);
    const answer = await call("post", "/a", { headers: { origin }, raw: "", token: await token() });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
    const refused = await call("post", "/a", { headers: { origin }, raw: "" });
    expectProblem(refused, "AUTHENTICATION_REQUIRED");
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
  });
});
