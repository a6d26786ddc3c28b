import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { beforeAll, describe, expect, test } from "vitest";
import { ProfileAnswer as ProfileSchema, type ProfileAnswer } from "../../../worker/control/profiles/schema.ts";
import { profilePlugin } from "../../../worker/control/profiles/actions/profile.ts";
import type { ProfileNode } from "../../../worker/control/profiles/tree-report.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { counted } from "../../support/workers/probe.ts";
import { settledApi } from "../recording/recorded-calls.ts";
import { install, NAMES, namedGuest, openTenant, profile, type Maker } from "./profiled-plugins.ts";

let maker: Maker;

beforeAll(async () => {
  maker = await openTenant();
  await install(maker, namedGuest(NAMES));
});

async function execute(body: object): Promise<Record<string, unknown>> {
  const token = await maker.token("caller");
  const answer = await api("post", "/api/plugins/acme.count/execute", { token, body });
  return answer.body as Record<string, unknown>; // checked field by field
}

/** `a > b`, with the fuel of its own. */
function pathsIn(node: ProfileNode, prefix = ""): Record<string, number> {
  const path = prefix === "" ? node.name : `${prefix} > ${node.name}`;
  return Object.assign({ [path]: node.self }, ...node.children.map((child) => pathsIn(child, path)));
}

function selfSum(node: ProfileNode): number {
  return node.children.reduce((sum, child) => sum + selfSum(child), node.self);
}

describe("a profiled call", () => {
  test("has the result and the fuel of the plain one, and the tree adds up to it", async () => {
    const request = { input: btoa("x".repeat(12)), encoding: "base64" };
    const plain = await execute(request);
    const { status, body: answer, headers } = await profile(maker, request);
    expect(status).toBe(200);
    expect(v.safeParse(ProfileSchema, answer).issues).toBeUndefined();
    expect(answer).toMatchObject({ fuel: plain["fuel"], charged: plain["fuel"], failure: null, truncated: false });
    expect(answer.output?.byteLength).toBe(8);
    expect(headers.get("x-fuel-used")).toBe(String(plain["fuel"]));
    expect(answer.tree.total).toBe(plain["fuel"]);
    expect(selfSum(answer.tree)).toBe(plain["fuel"]);
    expect(answer.functions.reduce((sum, { self }) => sum + self, 0)).toBe(plain["fuel"]);
  });

  test("names functions, the kernel's and the host's, and those without a name", async () => {
    const { body: answer } = await profile(maker, { input: "xxx" });
    const paths = pathsIn(answer.tree);
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        "[call] > run > [host] log_info",
        "[call] > run > fibonacci > fibonacci",
        "[call] > run > answer > [kernel] alloc",
        "[call] > run > answer > [kernel] output_set",
        "[call] > run > func[5]",
      ]),
    );
    // Flat price of an import, and what the host takes for a line of log.
    expect(paths["[call] > run > [host] log_info"]).toBeGreaterThanOrEqual(2_060);
    expect(paths["[call] > run > answer > [kernel] alloc"]).toBe(60);
    const fibonacci = answer.functions.find(({ name }) => name === "fibonacci");
    expect(fibonacci).toMatchObject({ index: 6, calls: 2 * 5 });
    expect(answer.functions.map(({ self }) => self)).toEqual(
      answer.functions.map(({ self }) => self).toSorted((a, b) => b - a),
    );
  });

  test("that runs out of fuel shows where it went", async () => {
    const { body: answer, status } = await profile(maker, { function: "endless", options: { fuel: 1_000_000 } });
    expect(status).toBe(200);
    expect(answer).toMatchObject({ failure: { code: "FUEL_EXHAUSTED" }, fuel: 1_000_000, charged: 1_000_000 });
    expect(answer.functions[0]).toMatchObject({ name: "spin", calls: 1 });
    expect(answer.functions[0]?.self).toBeGreaterThan(999_900);
  });

  test("that traps has the fuel up to the trap, and the budget it is charged", async () => {
    const input = "x".repeat(20);
    const plain = await execute({ function: "fail", input, options: { fuel: 5_000_000 } });
    expect(plain).toMatchObject({ code: "PLUGIN_TRAPPED", fuel: 5_000_000 });
    const { body: answer } = await profile(maker, { function: "fail", input, options: { fuel: 5_000_000 } });
    expect(answer).toMatchObject({ failure: { code: "PLUGIN_TRAPPED" }, charged: 5_000_000 });
    expect(answer.fuel).toBeLessThan(5_000);
    expect(answer.functions.find(({ name }) => name === "func[11]")?.calls).toBe(21);
  });

  test("deeper than the tree says so, and its functions are complete", async () => {
    const { body: answer } = await profile(maker, { function: "deep" });
    expect(answer.truncated).toBe(true);
    expect(selfSum(answer.tree)).toBe(answer.charged);
    expect(answer.functions.find(({ name }) => name === "func[13]")?.calls).toBe(2_001);
  });

  test("is in the history like any other", async () => {
    const queue = counted(env.OUTCOMES);
    const context = createExecutionContext();
    const deps = createDeps({ ...env, OUTCOMES: queue.binding }, context, undefined, createResident());
    const actor = { tenantId: maker.tenant, subject: "dana", roles: ["developer"] } as const;
    const answer = await profilePlugin(deps, actor, {
      pluginId: "acme.count",
      functionName: undefined,
      input: new Uint8Array(3),
      options: { logLevel: 2 },
      subject: "dana",
      roles: ["developer"],
      traceId: "0".repeat(32),
    });
    await waitOnExecutionContext(context);
    expect(answer).toMatchObject({ pluginId: "acme.count", version: "1.0.0", functionName: "run" });
    expect(answer.executionId).toMatch(/^[0-9A-Z]{26}$/);
    expect(queue.uses()).toHaveLength(1);
  });

  test("is refused like any other", async () => {
    const token = await maker.token("developer");
    const post = (path: string, body: object) => api("post", `/api/plugins/${path}/profile`, { token, body });
    expectProblem(await post("acme.absent", {}), "INSTALL_NOT_FOUND");
    expectProblem(await post("acme.count", { function: "absent" }), "FUNCTION_NOT_FOUND");
    expectProblem(await post("acme.count", { options: { fuel: 1e11 } }), "REQUEST_INVALID");
    expectProblem(await post("acme.count", { input: 1, more: 1 }), "REQUEST_INVALID");
    expectProblem(await post("acme.count", { input: "x".repeat(1_100_000) }), "INPUT_TOO_LARGE");
  });

  test.each(["caller", "viewer"])("is not for a %s", async (role) => {
    expectProblem(await profile(maker, {}, "", role), "PERMISSION_DENIED");
  });

  test("as a file for speedscope has balanced events that end at the fuel used", async () => {
    const token = await maker.token("operator");
    const headers = { accept: "application/vnd.speedscope+json" };
    const path = "/api/plugins/acme.count/profile";
    const [asked, accepted] = [
      await api("post", `${path}?format=speedscope`, { token, body: { input: "xxxx" } }),
      await api("post", path, { token, headers, body: { input: "xxxx" } }),
    ];
    expect(asked.body).toEqual(accepted.body);
    expect(asked.headers.get("content-type")).toBe("application/vnd.speedscope+json");
    expect(asked.headers.get("content-disposition")).toMatch(/^attachment; filename="[0-9A-Z]{26}\.speedscope\.json"$/);
    const { body: plain } = await profile(maker, { input: "xxxx" });
    expect(asked.body).toMatchObject({ profiles: [{ type: "evented", unit: "none", endValue: plain.fuel }] });
  });
});

describe("the profiled module", () => {
  test("is made when it is first asked for, and then kept", async () => {
    const other = await openTenant();
    await install(other, namedGuest({ 6: "another name, so another module" }));
    const token = await other.token("developer");
    const uses = async (): Promise<readonly string[]> => {
      const bucket = counted(env.STORE);
      const request = { token, body: { input: "xx" } };
      const answer = await settledApi("post", "/api/plugins/acme.count/profile", request, { STORE: bucket.binding });
      expect(answer.status).toBe(200);
      return bucket.uses();
    };
    expect((await uses()).filter((use) => use === "put").length).toBeGreaterThanOrEqual(2);
    expect((await uses()).filter((use) => use === "put")).toEqual([]);
  });

  test("is not made of a module that was damaged in the store", async () => {
    const other = await openTenant();
    await install(other, namedGuest({ 6: "damaged" }));
    const { objects } = await env.STORE.list({ prefix: "modules/" });
    for (const { key } of objects) {
      const bytes = new Uint8Array((await (await env.STORE.get(key))?.arrayBuffer()) ?? []);
      if (!new TextDecoder().decode(bytes).includes("damaged")) continue;
      await env.STORE.put(key, bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1));
    }
    expectProblem(await profile(other, { input: "x" }), "INTEGRITY_FAILED");
  });

  test("of another tenant is not there", async () => {
    const other = await openTenant();
    expectProblem(await profile(other, { input: "x" }), "INSTALL_NOT_FOUND");
  });

  test("names functions by file and line where the package has a source map", async () => {
    const module = namedGuest(NAMES, "https://example.org/maps/plugin.wasm.map");
    const other = await openTenant();
    // Every byte of the module from the code section on is line 7 of one file: `AAAAA` is offset 0, file 0, line 0, column 0.
    const map = { version: 3, sources: ["src/count\u202e.ts"], names: [], mappings: mappingsFor(module) };
    const data = new TextEncoder().encode(JSON.stringify(map));
    await install(other, module, [{ name: "plugin.wasm.map", data }]);
    const { body: answer } = await profile(other, { input: "xxx" });
    expect(answer.modules).toMatchObject([{ name: "main", sourceMap: "plugin.wasm.map" }]);
    expect(answer.functions.find(({ name }) => name === "fibonacci")).toMatchObject({
      file: "src/count\\u{202e}.ts",
      line: 7,
    });
    expect(answer.functions.find(({ name }) => name === "[kernel] alloc")).not.toHaveProperty("file");
  });
});

/** One segment for each byte: column by one, same file, line 6 (counted from 0). */
function mappingsFor(module: Uint8Array): string {
  return ["AAMA", ...Array.from({ length: module.length - 1 }, () => "CAAA")].join(",");
}

describe("a package of several modules", () => {
  const linked = {
    modules: [
      { name: "lib", wasm: "lib/lib.wasm" },
      { name: "clock", wasm: "lib/clock.wasm" },
    ],
  };
  let linkedMaker: Maker;

  beforeAll(async () => {
    linkedMaker = await openTenant();
    const files = [
      { name: "lib/lib.wasm", data: guestBytes("linked-lib") },
      { name: "lib/clock.wasm", data: guestBytes("linked-clock") },
    ];
    await install(linkedMaker, guestBytes("linked-main"), files, linked);
  });

  async function both(body: object): Promise<{ plain: Record<string, unknown>; answer: ProfileAnswer }> {
    const token = await linkedMaker.token("caller");
    const plain = await api("post", "/api/plugins/acme.count/execute", { token, body });
    const { body: answer } = await profile(linkedMaker, body);
    return { plain: plain.body as Record<string, unknown>, answer }; // checked field by field
  }

  test("is profiled as a whole, back and forth between its modules", async () => {
    const { plain, answer } = await both({ function: "volley", input: "xxxxxx" });
    expect(answer.failure).toBeNull();
    expect(answer).toMatchObject({ fuel: plain["fuel"], charged: plain["fuel"] });
    expect(selfSum(answer.tree)).toBe(plain["fuel"]);
    expect(answer.modules.map(({ name }) => name)).toEqual(["main", "lib", "clock"]);
    const path = Object.keys(pathsIn(answer.tree)).find((candidate) => candidate.endsWith(" > pong"));
    expect(path).toMatch(/volley > \[module\] lib\.ping > lib: ping > lib: \[module\] main\.pong > pong/);
    expect(answer.functions.find(({ name }) => name === "lib: ping")).toMatchObject({ module: "lib" });
  });

  test("that traps in a linked module has the fuel up to there", async () => {
    const { plain, answer } = await both({ function: "trap" });
    expect(plain["code"]).toBe("PLUGIN_TRAPPED");
    expect(answer).toMatchObject({ failure: { code: "PLUGIN_TRAPPED" }, charged: plain["fuel"] });
    expect(answer.fuel).toBeLessThan(10_000);
    expect(selfSum(answer.tree)).toBe(answer.fuel);
    expect(answer.functions.map(({ name }) => name)).toContain("lib: trap");
  });

  test("that runs out of fuel in a linked module shows it there", async () => {
    const { answer } = await both({ function: "spin", options: { fuel: 300_000 } });
    expect(answer).toMatchObject({ failure: { code: "FUEL_EXHAUSTED" }, fuel: 300_000, charged: 300_000 });
    expect(answer.functions[0]?.name).toBe("lib: spin");
  });
});

describe("a recorded execution", () => {
  test("is profiled as it ran, and enters no history", async () => {
    const caller = await maker.token("caller");
    const body = { function: "endless", options: { fuel: 200_000 } };
    const failed = await settledApi("post", "/api/plugins/acme.count/execute", { token: caller, body });
    const problem = expectProblem(failed, "FUEL_EXHAUSTED");
    const path = `/api/plugins/executions/${String(problem["executionId"])}/profile`;
    const queue = counted(env.OUTCOMES);
    const token = await maker.token("operator");
    const answer = await settledApi("post", path, { token }, { OUTCOMES: queue.binding });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      executionId: problem["executionId"],
      failure: { code: "FUEL_EXHAUSTED" },
      fuel: 200_000,
      charged: 200_000,
      functionName: "endless",
    });
    expect((answer.body as ProfileAnswer).functions[0]).toMatchObject({ name: "spin" });
    expect(queue.uses()).toEqual([]);
    const other = await openTenant();
    expectProblem(await api("post", path, { token: await other.token("operator") }), "EXECUTION_NOT_FOUND");
  });
});

test("the fixture has no names of its own", () => {
  expect(new TextDecoder("latin1").decode(guestBytes("profiled"))).not.toContain("fibonacci");
});
