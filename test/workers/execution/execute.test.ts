import { beforeAll, describe, expect, test } from "vitest";
import { api, expectProblem, type ApiAnswer, type ApiRequest } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "./guest-installs.ts";

describe("POST /api/plugins/:id/execute", () => {
  let token: string;

  beforeAll(async () => {
    token = await mintToken({ tenant: "acme", roles: ["caller"] });
    await installGuests("acme", [
      { guest: "echo" },
      { guest: "fail" },
      { guest: "log" },
      { guest: "sleep" },
      { guest: "config", config: { greeting: "hi" } },
    ]);
  });

  function execute(request: ApiRequest, path = "/api/plugins/echo/execute"): Promise<ApiAnswer> {
    return api("POST", path, { token, ...request });
  }

  test.each(["/api/plugins/echo/execute", "/api/plugins/execute/echo", "/api/v1/plugins/echo/execute"])(
    "%s answers",
    async (path) => {
      const { status, body } = await execute({ body: { input: { a: "é" } } }, path);
      expect(status).toBe(200);
      expect(body).toMatchObject({ status: "succeeded", output: { a: "é" }, encoding: "json", version: "1.0.0" });
      const { executionId, durationMs, fuel, memoryBytes } = body as Record<string, unknown>;
      expect(executionId).toMatch(/^[0-9A-Z]{26}$/);
      expect(durationMs).toBeGreaterThanOrEqual(0);
      expect(fuel).toBeGreaterThan(0);
      expect(memoryBytes).toBeGreaterThan(0);
    },
  );

  test("the same call uses the same fuel", async () => {
    const runs = await Promise.all(Array.from({ length: 5 }, () => execute({ body: { input: "exactly" } })));
    expect(new Set(runs.map(({ body }) => (body as { fuel: number }).fuel)).size).toBe(1);
  });

  test("any other content type is raw, in and out", async () => {
    const raw = Uint8Array.of(0, 255, 10, 13);
    const answer = await execute({ raw, headers: { "content-type": "application/x-thing" } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/octet-stream");
    expect(answer.headers.get("x-execution-id")).toMatch(/^[0-9A-Z]{26}$/);
    expect(Number(answer.headers.get("x-fuel-used"))).toBeGreaterThan(0);
  });

  test("a raw call names its function in the query", async () => {
    const answer = await execute(
      { raw: "x", headers: { "content-type": "text/plain", accept: "text/plain" } },
      "/api/plugins/echo/execute?function=run",
    );
    expect(answer.body).toBe("x");
    expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expectProblem(
      await execute(
        { raw: "x", headers: { "content-type": "text/plain" } },
        "/api/plugins/echo/execute?function=missing",
      ),
      "FUNCTION_NOT_FOUND",
      'Plugin "echo" exports no function "missing"; it exports: run.',
    );
  });

  test("a guest's own error is an answer of ours, never a 500", async () => {
    const answer = await execute({ body: { function: "run", input: "x" } }, "/api/plugins/fail/execute");
    const problem = expectProblem(answer, "PLUGIN_ERROR");
    expect(problem).toMatchObject({ version: "1.0.0" });
    expect(problem["fuel"]).toBeGreaterThan(0);
  });

  test.each([
    { body: { input: 1, extra: 1 }, path: "/extra" },
    { body: { function: "" }, path: "/function" },
    { body: { encoding: "xml" }, path: "/encoding" },
    { body: { options: { fuel: -1 } }, path: "/options/fuel" },
    { body: { options: { fuel: 1e9 + 1 } }, path: "/options/fuel" },
    { body: { options: { timeoutMs: 5_001 } }, path: "/options/timeoutMs" },
    { body: { input: 5, encoding: "base64" }, path: "/input" },
  ])("$body is refused at $path", async ({ body, path }) => {
    const problem = expectProblem(await execute({ body }), "REQUEST_INVALID");
    expect(problem["issues"]).toEqual([expect.objectContaining({ path })]);
  });

  test("a body that is no JSON is refused", async () => {
    expectProblem(await execute({ raw: "{", headers: { "content-type": "application/json" } }), "BODY_UNREADABLE");
  });

  test("a plugin of another tenant is not installed here", async () => {
    await installGuests("other", []);
    const other = await mintToken({ tenant: "other", roles: ["caller"] });
    expectProblem(await api("POST", "/api/plugins/echo/execute", { token: other, body: {} }), "INSTALL_NOT_FOUND");
  });

  test("100 calls at once all get their own answer", async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => execute({ body: { input: `secret-${index}` } })),
    );
    expect(answers.map(({ body }) => (body as { output: string }).output)).toEqual(
      Array.from({ length: 100 }, (_, index) => `secret-${index}`),
    );
  });

  test("suspended calls do not mix", async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        execute({ body: { function: "nap", input: `secret-${index}` } }, "/api/plugins/sleep/execute"),
      ),
    );
    expect(answers.map(({ body }) => (body as { output: string }).output)).toEqual(
      Array.from({ length: 12 }, (_, index) => `secret-${index}`),
    );
  });
});
