import { beforeAll, describe, expect, test } from "vitest";
import { expectProblem } from "../../support/workers/api.ts";
import { configuredPlugin, installedPlugin, SCHEMA, type Configured } from "./configured-plugin.ts";

describe("reading and writing", () => {
  let plugin: Configured;

  beforeAll(async () => {
    plugin = await installedPlugin();
  });

  test("an install's own configuration is the first revision, and the plugin reads it with defaults", async () => {
    const answer = await plugin.call("GET", "/config");
    expect(answer.headers.get("etag")).toBe('"1"');
    expect(answer.body).toEqual({
      pluginId: plugin.pluginId,
      environment: "default",
      revision: 1,
      version: "1.0.0",
      values: { greeting: "hello" },
      effective: { greeting: "hello", port: 443, smtp: {} },
      environments: ["default"],
      updatedAt: expect.any(Number) as number,
      updatedBy: "olga",
    });
    expect(await plugin.read("greeting")).toBe("hello");
    expect(await plugin.read("port")).toBe("443");
    expect(await plugin.read("smtp")).toBe("{}");
    expect(await plugin.read("apiKey")).toBeUndefined();
    expect(JSON.parse((await plugin.read("$config")) ?? "")).toEqual({ greeting: "hello", port: 443, smtp: {} });
  });

  test("a change is seen by the next call, and 304 answers who has it already", async () => {
    const answer = await plugin.put({ greeting: "ciao", port: 80 }, { ifMatch: '"1"' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("etag")).toBe('"2"');
    expect(await plugin.read("greeting")).toBe("ciao");
    expect(await plugin.read("port")).toBe("80");
    const known = await plugin.call("GET", "/config", { headers: { "if-none-match": 'W/"2", "x"' } });
    expect([known.status, known.body, known.headers.get("etag")]).toEqual([304, "", '"2"']);
  });

  test("what changes nothing is no revision", async () => {
    const answer = await plugin.put({ port: 80, greeting: "ciao" });
    expect(answer.body).toMatchObject({ revision: 2 });
  });

  test("a merge patch changes what it names, and null removes", async () => {
    const patch = (body: unknown, type = "application/merge-patch+json") =>
      plugin.call("PATCH", "/config", {
        raw: JSON.stringify(body),
        headers: { "if-match": "*", "content-type": type },
      });
    expect((await patch({ smtp: { host: "a" } })).body).toMatchObject({
      values: { greeting: "ciao", port: 80, smtp: { host: "a" } },
    });
    expect((await patch({ port: null, smtp: { host: null } }, "application/json")).body).toMatchObject({
      values: { greeting: "ciao", smtp: {} },
      effective: { port: 443 },
    });
    expectProblem(await patch({ greeting: null }), "CONFIG_INVALID");
    expectProblem(await patch([1]), "REQUEST_INVALID");
    expect(await plugin.read("greeting")).toBe("ciao");
  });

  test("the schema, its secrets and its defaults", async () => {
    expect((await plugin.call("GET", "/config/schema")).body).toEqual({
      version: "1.0.0",
      schema: SCHEMA,
      secrets: ["/apiKey", "/smtp/password"],
      defaults: { port: 443, smtp: {} },
    });
  });
});

describe("a write must say what it is about", () => {
  test.each<[string | undefined, string]>([
    [undefined, "PRECONDITION_REQUIRED"],
    ['"7"', "PRECONDITION_FAILED"],
    ['W/"1"', "PRECONDITION_FAILED"],
    ["1", "REQUEST_INVALID"],
    ['"1" "2"', "REQUEST_INVALID"],
  ])("If-Match %s is %s, and nothing changes", async (ifMatch, code) => {
    const plugin = await installedPlugin();
    const headers = ifMatch === undefined ? {} : { headers: { "if-match": ifMatch } };
    for (const method of ["PUT", "PATCH"]) {
      const answer = await plugin.call(method, "/config", { body: { greeting: "other" }, ...headers });
      expect([method, (answer.body as { code: string }).code]).toEqual([method, code]);
    }
    expect((await plugin.call("GET", "/config")).body).toMatchObject({ revision: 1, values: { greeting: "hello" } });
  });

  test("of two that read the same one, one wins", async () => {
    const plugin = await installedPlugin();
    const answers = await Promise.all(
      ["a", "b", "c", "d"].map((greeting) => plugin.put({ greeting }, { ifMatch: '"1"' })),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412, 412, 412]);
    expect((await plugin.call("GET", "/config")).body).toMatchObject({ revision: 2 });
  });

  test("a list of tags holds where one of them does", async () => {
    const plugin = await installedPlugin();
    expect((await plugin.put({ greeting: "x" }, { ifMatch: '"9", "1"' })).status).toBe(200);
  });
});

describe("a bad configuration", () => {
  let plugin: Configured;

  beforeAll(async () => {
    plugin = await installedPlugin();
  });

  test.each<[unknown, string, { path: string; message: string }[]]>([
    [{}, "CONFIG_INVALID", [{ path: "/greeting", message: "is required" }]],
    [
      { greeting: "", port: 0.5, more: 1 },
      "CONFIG_INVALID",
      [
        { path: "/greeting", message: 'must have at least 1 characters; found ""' },
        { path: "/port", message: "must be integer; found 0.5" },
        { path: "/port", message: "must be at least 1; found 0.5" },
        { path: "/more", message: "is not a known entry" },
      ],
    ],
    [
      { greeting: "x", apiKey: "short" },
      "CONFIG_INVALID",
      [{ path: "/apiKey", message: "must have at least 8 characters; found a secret of another kind" }],
    ],
    [
      { greeting: "x", apiKey: { set: true } },
      "CONFIG_INVALID",
      [{ path: "/apiKey", message: "is a secret that is not set, so it cannot stay" }],
    ],
    [
      JSON.parse('{"greeting":"x","__proto__":{"port":1}}'),
      "REQUEST_INVALID",
      [{ path: "/__proto__", message: "is a reserved name" }],
    ],
    [
      { greeting: "x".repeat(900_000) },
      "REQUEST_INVALID",
      [
        { path: "/greeting", message: "must be at most 8192 bytes; found 900000" },
        { path: "", message: "must be at most 65536 bytes, names and values together; found 900008" },
      ],
    ],
    [[], "REQUEST_INVALID", [{ path: "", message: "must be an object" }]],
    ["x", "REQUEST_INVALID", [{ path: "", message: "must be an object" }]],
  ])("%j is refused with every place, by all routes", async (values, code, issues) => {
    const bodies = [await plugin.put(values), await plugin.call("PUT", "", { body: { config: values } })];
    expect(bodies.map(({ body }) => (body as { code: string }).code)).toEqual([code, code]);
    expect(bodies[0]?.body).toMatchObject({ issues });
    const validation = await plugin.call("POST", "/config/validate", { body: values });
    if (code === "CONFIG_INVALID") expect(validation.body).toEqual({ valid: false, issues });
    else expectProblem(validation, "REQUEST_INVALID");
    expect((await plugin.call("GET", "/config")).body).toMatchObject({ revision: 1 });
    expect(await plugin.read("greeting")).toBe("hello");
  });

  test("a megabyte is refused before it is read", async () => {
    const answer = await plugin.put({ greeting: "x".repeat(1_100_000) });
    expectProblem(answer, "INPUT_TOO_LARGE");
  });

  test("a good one is valid, and a dry run writes nothing", async () => {
    const answer = await plugin.call("POST", "/config/validate", { body: { greeting: "x" } });
    expect(answer.body).toEqual({ valid: true, issues: [] });
    expect((await plugin.call("GET", "/config")).body).toMatchObject({ revision: 1 });
  });

  test("does not install, unless the plugin waits", async () => {
    const waiting = await configuredPlugin();
    expectProblem(await waiting.install({}), "CONFIG_INVALID");
    expectProblem(await waiting.install({ config: { greeting: 1 }, activate: false }), "CONFIG_INVALID");
    expectProblem(await waiting.call("GET", "/config"), "INSTALL_NOT_FOUND");
    expect((await waiting.install({ activate: false })).body).toMatchObject({ state: "installed", configRevision: 1 });
    expectProblem(await waiting.call("POST", "/activate"), "CONFIG_INVALID");
    expect((await waiting.put({ greeting: "now" }, { ifMatch: '"1"' })).status).toBe(200);
    expect((await waiting.call("POST", "/activate")).body).toMatchObject({ state: "active" });
    expect(await waiting.read("greeting")).toBe("now");
  });
});
