import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { defineRoute } from "../../../worker/http/route.ts";
import { JSON_BODY_LIMIT } from "../../../worker/http/json-body.ts";
import { expectProblem, ORIGIN, problemIn } from "../../support/workers/api.ts";
import { probe } from "../../support/workers/probe.ts";

const base = { mount: "root", summary: "", tag: "", permission: "public", answers: {}, errors: [] } as const;
const Body = v.strictObject({ name: v.string(), limits: v.optional(v.object({ "a/b~c": v.number() })) });

const call = probe([
  defineRoute({
    ...base,
    method: "post",
    path: "/things/:id",
    operationId: "make",
    params: v.object({ id: v.pipe(v.string(), v.regex(/^[a-z]+$/, "must be lower-case letters")) }),
    query: v.object({ size: v.optional(v.pipe(v.string(), v.toNumber(), v.maxValue(5, "must be at most 5"))) }),
    body: Body,
    handler: (context, input) => context.json(input),
  }),
  defineRoute({
    ...base,
    method: "post",
    path: "/optional",
    operationId: "optional",
    body: v.optional(Body),
    handler: (context, { body }) => context.json({ body: body ?? null }),
  }),
]);

const json = { "content-type": "application/json" };

describe("what reaches a handler", () => {
  test("is parsed by the route's own schemas", async () => {
    const answer = await call("post", "/things/abc?size=3", { body: { name: "x" } });
    expect(answer.body).toEqual({ params: { id: "abc" }, query: { size: 3 }, body: { name: "x" } });
  });

  test.each([
    "application/json",
    "application/json; charset=utf-8",
    "APPLICATION/JSON",
    "application/merge-patch+json",
  ])("%s is a JSON body", async (type) => {
    const answer = await call("post", "/things/abc", { body: { name: "x" }, headers: { "content-type": type } });
    expect(answer.status).toBe(200);
  });

  test("may be no body at all where the schema says so", async () => {
    expect((await call("post", "/optional")).body).toEqual({ body: null });
    expect((await call("post", "/optional", { headers: json, raw: "" })).body).toEqual({ body: null });
    expect((await call("post", "/optional", { body: { name: "x" } })).body).toEqual({ body: { name: "x" } });
  });
});

describe("what is refused", () => {
  test.each([
    [
      "a wrong path parameter",
      "/things/ABC",
      { body: { name: "x" } },
      'The path parameter "id": must be lower-case letters.',
      [{ path: "id", message: "must be lower-case letters" }],
    ],
    [
      "a wrong query parameter",
      "/things/abc?size=6",
      { body: { name: "x" } },
      'The query parameter "size": must be at most 5.',
      [{ path: "size", message: "must be at most 5" }],
    ],
    [
      "a query parameter given twice",
      "/things/abc?size=1&size=2",
      { body: { name: "x" } },
      'The query parameter "size" is given 2 times, may be given once.',
      [{ path: "size", message: "is given 2 times, may be given once" }],
    ],
    [
      "no body",
      "/things/abc",
      {},
      "The body: Invalid type: Expected Object but received undefined.",
      [{ path: "", message: "Invalid type: Expected Object but received undefined" }],
    ],
    [
      "every wrong field, named by JSON pointer",
      "/things/abc",
      { body: { name: 1, limits: { "a/b~c": "x" } } },
      "The body's /name: Invalid type: Expected string but received 1.",
      [
        { path: "/name", message: "Invalid type: Expected string but received 1" },
        { path: "/limits/a~1b~0c", message: 'Invalid type: Expected number but received "x"' },
      ],
    ],
  ])("%s", async (_name, path, request, detail, issues) => {
    const problem = expectProblem(await call("post", path, request), "REQUEST_INVALID", detail);
    expect(problem["issues"]).toEqual(issues);
  });

  test("quotes of what was sent are cut", async () => {
    const answer = await call("post", "/things/abc", { body: { name: "x", limits: "y".repeat(100_000) } });
    expect(JSON.stringify(expectProblem(answer, "REQUEST_INVALID")).length).toBeLessThan(1_500);
  });

  test.each([
    ["text/plain", 'The body must be application/json, not "text/plain".'],
    ["application/jsonx", 'The body must be application/json, not "application/jsonx".'],
    ["multipart/form-data; boundary=x", 'The body must be application/json, not "multipart/form-data; boundary=x".'],
  ])("content type %s", async (type, detail) => {
    const answer = await call("post", "/things/abc", { raw: '{"name":"x"}', headers: { "content-type": type } });
    expect(problemIn(answer)).toMatchObject({ code: "MEDIA_TYPE_UNSUPPORTED", status: 415, detail });
  });

  test("a body without a content type", async () => {
    const answer = await call("post", "/things/abc", { raw: new TextEncoder().encode('{"name":"x"}') });
    expect(problemIn(answer)).toMatchObject({
      code: "MEDIA_TYPE_UNSUPPORTED",
      detail: "The body must be application/json, not a body without a content type.",
    });
  });

  test.each([
    ["broken JSON", '{"name":', "The body is not valid JSON."],
    ["two values", '{"name":"x"} 1', "The body is not valid JSON."],
    ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "The body is not text in UTF-8."],
  ])("%s", async (_name, raw, detail) => {
    const problem = problemIn(await call("post", "/things/abc", { raw, headers: json }));
    expect(problem).toMatchObject({ code: "BODY_UNREADABLE", status: 400, detail });
  });

  test("a body over the limit that says so", async () => {
    const raw = new Uint8Array(JSON_BODY_LIMIT + 1);
    const problem = expectProblem(await call("post", "/things/abc", { raw, headers: json }), "INPUT_TOO_LARGE");
    expect(problem["limit"]).toMatchObject({ name: "jsonBody", allowed: 1_048_576 });
  });

  test("a body over the limit that streams, before it is read whole", async () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    const request = new Request(`${ORIGIN}/things/abc`, { method: "POST", headers: json, body });
    const problem = expectProblem(await call("post", "/things/abc", request), "INPUT_TOO_LARGE");
    expect(problem["limit"]).toEqual({ name: "jsonBody", used: 1_114_112, allowed: 1_048_576 });
    expect(sent).toBeLessThan(2 * JSON_BODY_LIMIT);
  });

  test("a body that breaks off", async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.error(new Error("gone"));
      },
    });
    const request = new Request(`${ORIGIN}/things/abc`, { method: "POST", headers: json, body });
    const problem = problemIn(await call("post", "/things/abc", request));
    expect(problem).toMatchObject({ code: "BODY_UNREADABLE", detail: "The body broke off before its end." });
  });
});
