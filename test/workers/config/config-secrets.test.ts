import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { snapshotKey } from "../../../worker/execution/snapshot.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { installedPlugin, SECRET } from "./configured-plugin.ts";

/** Everything that D1 and R2 hold of the tenant, as text. */
async function stored(tenantId: string): Promise<string> {
  const tables = ["plugin_instances", "plugin_configurations", "config_templates", "plugin_events"];
  const rows = await Promise.all(
    tables.map((table) => env.DB.prepare(`SELECT * FROM ${table} WHERE tenant_id = ?`).bind(tenantId).all()),
  );
  const snapshot = await env.STORE.get(snapshotKey(tenantId));
  return JSON.stringify(rows.map(({ results }) => results)) + ((await snapshot?.text()) ?? "");
}

describe("secrets", () => {
  test("are read by the plugin and by nobody else, stored sealed, and kept apart", async () => {
    const plugin = await installedPlugin({ greeting: "x", apiKey: SECRET, smtp: { host: "mail", password: SECRET } });
    const mark = { set: true, updatedAt: expect.any(Number) as number };
    const answer = await plugin.call("GET", "/config");
    expect(answer.body).toMatchObject({
      values: { greeting: "x", apiKey: mark, smtp: { host: "mail", password: mark } },
      effective: { apiKey: mark, port: 443, smtp: { host: "mail", password: mark } },
    });
    expect(await plugin.read("apiKey")).toBe(SECRET);
    expect(JSON.parse((await plugin.read("smtp")) ?? "")).toEqual({ host: "mail", password: SECRET });
    expect(JSON.parse((await plugin.read("$config")) ?? "")).toMatchObject({ apiKey: SECRET, port: 443 });

    const everything = [
      await stored(plugin.tenantId),
      JSON.stringify((await plugin.call("GET", "")).body),
      JSON.stringify((await plugin.call("GET", "/config/history/1")).body),
      JSON.stringify((await plugin.call("GET", "/config/history")).body),
      JSON.stringify((await plugin.call("GET", "/events")).body),
    ].join("");
    expect(everything).toContain("mail");
    expect(everything).not.toContain(SECRET);
    expect(everything).not.toContain(btoa(SECRET));
  });

  test("stay where the mark is sent back or a patch leaves them out, and go with null", async () => {
    const plugin = await installedPlugin({ greeting: "x", apiKey: SECRET });
    const { values } = (await plugin.call("GET", "/config")).body as { values: Record<string, unknown> };
    const before = values["apiKey"];
    const put = await plugin.put({ ...values, greeting: "y" });
    expect(put.body).toMatchObject({ revision: 2, values: { greeting: "y", apiKey: before } });
    expect(await plugin.read("apiKey")).toBe(SECRET);

    const patch = (body: unknown) => plugin.call("PATCH", "/config", { body, headers: { "if-match": "*" } });
    expect((await patch({ greeting: "z", apiKey: { set: true } })).body).toMatchObject({ values: { apiKey: before } });
    expect(await plugin.read("apiKey")).toBe(SECRET);
    expect((await patch({ apiKey: "another-secret" })).body).toMatchObject({ values: { apiKey: { set: true } } });
    expect(await plugin.read("apiKey")).toBe("another-secret");
    expect((await patch({ apiKey: null })).body).toMatchObject({ values: { greeting: "z" } });
    expect(await plugin.read("apiKey")).toBeUndefined();
  });

  test("a write without them removes them", async () => {
    const plugin = await installedPlugin({ greeting: "x", apiKey: SECRET });
    await plugin.put({ greeting: "x" });
    expect(await plugin.read("apiKey")).toBeUndefined();
  });

  test("are sealed in a recording too, which replays after they have changed", async () => {
    const plugin = await installedPlugin({ greeting: "x", apiKey: SECRET });
    const failed = await plugin.call("POST", "/execute", { body: { input: "not there" } });
    const executionId = failed.headers.get("x-execution-id") ?? "";
    const recording = await env.STORE.get(`recordings/${plugin.tenantId}/${executionId}`);
    expect(new TextDecoder("latin1").decode(await recording?.arrayBuffer())).not.toContain(SECRET);
    await plugin.put({ greeting: "y", apiKey: "another-secret" });
    const replay = await plugin.call("POST", `/../executions/${executionId}/replay`);
    expect(replay.body).toMatchObject({ same: true, differences: [] });
    expect(JSON.stringify(replay.body)).not.toContain(SECRET);
  });

  test("go with an uninstall, from every revision", async () => {
    const plugin = await installedPlugin({ greeting: "x", apiKey: SECRET });
    await plugin.put({ greeting: "y", apiKey: { set: true } });
    await plugin.call("DELETE", "");
    expect(await stored(plugin.tenantId)).not.toContain('"sealed"');
    expect((await plugin.install({ config: { greeting: "again" } })).body).toMatchObject({ configRevision: 1 });
    expect(await plugin.read("apiKey")).toBeUndefined();
    // The new install has a history of its own.
    const answer = await plugin.call("POST", "/config/rollback", { body: { revision: 2 } });
    expectProblem(answer, "CONFIG_REVISION_NOT_FOUND");
  });
});

describe("environments", () => {
  test("say what is different there, and the deployment's own holds", async () => {
    const plugin = await installedPlugin({ greeting: "everywhere", smtp: { host: "mail", password: SECRET } });
    const at = (environment: string) => ({ query: `?environment=${environment}` });
    expect((await plugin.put({ greeting: "staging" }, at("staging"))).status).toBe(200);
    expect(await plugin.read("greeting")).toBe("everywhere");
    expect(
      (
        await plugin.put(
          { greeting: "live", apiKey: "live-secret", smtp: { password: "live-password" } },
          at("production"),
        )
      ).status,
    ).toBe(200);
    expect(await plugin.read("greeting")).toBe("live");
    expect(await plugin.read("apiKey")).toBe("live-secret");
    expect(JSON.parse((await plugin.read("smtp")) ?? "")).toEqual({ host: "mail", password: "live-password" });

    const { body } = await plugin.call("GET", "/config?environment=staging");
    expect(body).toMatchObject({
      environment: "staging",
      values: { greeting: "staging" },
      effective: { greeting: "staging", port: 443, smtp: { host: "mail", password: { set: true } } },
      environments: ["default", "staging", "production"],
    });
    expect((body as { effective: object }).effective).not.toHaveProperty("apiKey");

    await plugin.put({}, at("production"));
    expect(await plugin.read("greeting")).toBe("everywhere");
    expect(JSON.parse((await plugin.read("smtp")) ?? "")).toEqual({ host: "mail", password: SECRET });
    expect((await plugin.call("GET", "/config")).body).toMatchObject({ environments: ["default", "staging"] });
  });

  test("a write that would break another environment is refused", async () => {
    const plugin = await installedPlugin();
    const answer = await plugin.put({ port: 70_000 }, { query: "?environment=staging" });
    const problem = expectProblem(answer, "CONFIG_INVALID");
    expect(problem["issues"]).toEqual([{ path: "/port", message: "must be at most 65535; found 70000 (in staging)" }]);
    expectProblem(await plugin.put({}, { query: "?environment=test" }), "REQUEST_INVALID");
  });

  test("a deployment in another environment compiles its own", async () => {
    const plugin = await installedPlugin();
    await plugin.put({ greeting: "staging" }, { query: "?environment=staging" });
    const answer = await plugin.call(
      "PUT",
      "/config",
      { body: { greeting: "both" }, headers: { "if-match": "*" } },
      { ENVIRONMENT: "staging" },
    );
    expect(answer.status).toBe(200);
    expect(await plugin.read("greeting")).toBe("staging");
  });
});
