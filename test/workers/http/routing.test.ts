import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { pathTable } from "../../../worker/http/path-table.ts";
import { defineRoute, type Route } from "../../../worker/http/route.ts";
import { routes } from "../../../worker/routes.ts";
import { api, expectProblem, problemIn } from "../../support/workers/api.ts";
import { probe } from "../../support/workers/probe.ts";

function route(method: Route["method"], path: string, mount: Route["mount"] = "plugins"): Route {
  return defineRoute({
    method,
    mount,
    path,
    operationId: `${method} ${path}`,
    summary: "",
    tag: "",
    permission: "public",
    params: v.record(v.string(), v.string()),
    answers: {},
    errors: [],
    handler: (context, { params }) => context.json({ route: `${method} ${path}`, params }),
  });
}

describe("which route answers", () => {
  const call = probe([
    route("get", "/:id"),
    route("put", "/:pluginId"),
    route("post", "/:id/execute"),
    route("post", "/execute/:id"),
    route("post", "/upload"),
    route("get", "/"),
    route("get", "/:id/events"),
    route("get", "/keys/:id", "admin"),
    route("get", "/health", "root"),
    route("get", "/run/:tenant/:id/*"),
  ]);

  test.each([
    ["get", "/api/plugins", "get /", {}],
    ["get", "/api/plugins/", "get /", {}],
    ["get", "/api/v1/plugins", "get /", {}],
    ["get", "/api/plugins/notes", "get /:id", { id: "notes" }],
    ["get", "/api/v1/plugins/acme.notes", "get /:id", { id: "acme.notes" }],
    ["put", "/api/plugins/notes", "put /:pluginId", { pluginId: "notes" }],
    ["post", "/api/plugins/notes/execute", "post /:id/execute", { id: "notes" }],
    ["post", "/api/plugins/execute/notes", "post /execute/:id", { id: "notes" }],
    ["post", "/api/plugins/execute/execute", "post /execute/:id", { id: "execute" }],
    ["post", "/api/plugins/upload", "post /upload", {}],
    ["get", "/api/plugins/a%2Fb/events", "get /:id/events", { id: "a/b" }],
    ["get", "/api/v1/admin/keys/k1", "get /keys/:id", { id: "k1" }],
    ["get", "/health", "get /health", {}],
    ["get", "/api/plugins/run/acme/notes/deep/path", "get /run/:tenant/:id/*", { tenant: "acme", id: "notes" }],
  ])("%s %s", async (method, path, name, params) => {
    expect((await call(method, path)).body).toEqual({ route: name, params });
  });

  test.each([
    ["post", "/api/plugins/notes", "GET, HEAD, PUT"],
    ["get", "/api/plugins/upload", "POST"],
    ["delete", "/api/plugins", "GET, HEAD"],
    ["get", "/api/v1/plugins/notes/execute", "POST"],
    ["options", "/health", "GET, HEAD"],
    ["patch", "/api/v1/admin/keys/k1", "GET, HEAD"],
  ])("%s %s is told which methods are allowed", async (method, path, allow) => {
    const answer = await call(method, path);
    expectProblem(answer, "METHOD_NOT_ALLOWED", `${method.toUpperCase()} is not answered here; allowed: ${allow}.`);
    expect(answer.headers.get("allow")).toBe(allow);
  });

  test.each(["/", "/api", "/api/v2/plugins", "/api/plugins/notes/nothing", "/api/v1/admin", "/api/admin/keys/k1"])(
    "nothing is served at %s",
    async (path) => {
      const problem = problemIn(await call("get", path));
      expect(problem).toMatchObject({ code: "ROUTE_NOT_FOUND", detail: `Nothing is served at ${path}.` });
    },
  );

  test("HEAD answers like GET without a body", async () => {
    const answer = await call("head", "/health");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  });
});

describe("the table", () => {
  test("refuses two routes for one method and path, however their parameters are named", () => {
    expect(() => pathTable([route("get", "/:id"), route("get", "/:pluginId")])).toThrow(
      "Two routes answer GET /api/plugins/:pluginId.",
    );
  });

  test("of the worker holds each operation id once", () => {
    const ids = routes.map((entry) => entry.operationId);
    expect(ids.length).toBeGreaterThan(20);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("the worker", () => {
  test("answers unknown paths with a problem and security headers", async () => {
    const answer = await api("get", "/api/nothing", {
      headers: { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" },
    });
    expect(expectProblem(answer, "ROUTE_NOT_FOUND")).toEqual({
      type: "/docs/errors#ROUTE_NOT_FOUND",
      title: "No such route.",
      status: 404,
      detail: "Nothing is served at /api/nothing.",
      instance: "/api/nothing",
      code: "ROUTE_NOT_FOUND",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      retryable: false,
    });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-trace-id": "4bf92f3577b34da6a3ce929d0e0e4736",
    });
  });
});
