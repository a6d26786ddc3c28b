import { afterEach, describe, expect, test, vi } from "vitest";
import { ERRORS, PlatformError, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { defineRoute, type Route } from "../../../worker/http/route.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { probe } from "../../support/workers/probe.ts";

const SECRET = "correct horse battery staple";

function failing(error: unknown): Route {
  return defineRoute({
    method: "get",
    mount: "root",
    path: "/fails",
    operationId: "fails",
    summary: "",
    tag: "",
    permission: "public",
    answers: {},
    errors: [],
    handler: (context) => {
      context.header("x-execution-id", "execution-1");
      throw error; // eslint-disable-line typescript/only-throw-error -- what is no Error must not break the edge either
    },
  });
}

afterEach(() => vi.restoreAllMocks());

describe("problem documents", () => {
  test.each(Object.keys(ERRORS) as ErrorCode[])("%s is answered as its row says", async (code) => {
    vi.spyOn(console, "error").mockReturnValue();
    const answer = await probe([failing(new PlatformError(code, "What happened."))])("get", "/fails");
    expect(expectProblem(answer, code, "What happened.")["instance"]).toBe("/fails");
    expect(answer.headers.get("retry-after")).toBe(ERRORS[code].status === 503 ? "2" : null);
    expect(answer.headers.has("www-authenticate")).toBe(ERRORS[code].status === 401);
  });

  test("carry issues, limit and members; members never replace the standard ones", async () => {
    const error = new PlatformError("INPUT_TOO_LARGE", "Too large.", {
      issues: [{ path: "/input", message: "is too long" }],
      limit: { name: "input", used: 11, allowed: 10 },
      members: { executionId: "execution-1", status: 200, code: "NOTHING", type: "x" },
    });
    const answer = await probe([failing(error)])("get", "/fails");
    expect(expectProblem(answer, "INPUT_TOO_LARGE", "Too large.")).toMatchObject({
      executionId: "execution-1",
      issues: [{ path: "/input", message: "is too long" }],
      limit: { name: "input", used: 11, allowed: 10 },
    });
  });

  test("keep headers that the handler set before it failed", async () => {
    const answer = await probe([failing(new PlatformError("PLUGIN_TRAPPED", "It trapped."))])("get", "/fails");
    expect(answer.headers.get("x-execution-id")).toBe("execution-1");
  });

  test.each([
    ["an error", new Error(SECRET)],
    ["an error with a cause", new Error("query", { cause: new Error(SECRET) })],
    ["a text", SECRET],
    ["undefined", undefined],
    ["null", null],
  ])("%s that nobody expected says nothing of its cause, in answer and log", async (_name, error) => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const answer = await probe([failing(error)])("get", "/fails");
    expectProblem(answer, "INTERNAL", "The request failed.");
    expect(JSON.stringify(answer.body)).not.toContain(SECRET);
    expect(log).toHaveBeenCalledOnce();
    const line = String(log.mock.calls[0]?.[0]);
    expect(line).not.toContain(SECRET);
    expect(JSON.parse(line)).toMatchObject({
      level: "error",
      event: "request.failed",
      code: "INTERNAL",
      method: "GET",
      path: "/fails",
      traceId: answer.headers.get("x-trace-id"),
    });
  });

  test("the database's own message is logged, which names no values", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const cause = new Error("D1_ERROR: no such table: plugins: SQLITE_ERROR");
    await probe([failing(new Error(`Failed query with ${SECRET}`, { cause }))])("get", "/fails");
    expect(JSON.parse(String(log.mock.calls[0]?.[0]))).toMatchObject({ database: cause.message, name: "Error" });
  });

  test("what the caller did is not logged as our error", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    await probe([failing(new PlatformError("REQUEST_INVALID", "No."))])("get", "/fails");
    expect(log).not.toHaveBeenCalled();
  });
});
