import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { expectProblem } from "../../support/workers/api.ts";
import { installedPlugin, SECRET } from "./configured-plugin.ts";

describe("history and rollback", () => {
  test("revisions are kept, told of in pages, and can hold again", async () => {
    const plugin = await installedPlugin({ greeting: "one", apiKey: SECRET });
    await plugin.put({ greeting: "two", port: 1 });
    await plugin.put({ greeting: "staging" }, { query: "?environment=staging" });
    const page = (await plugin.call("GET", "/config/history?limit=2")).body as { items: unknown[]; nextCursor: string };
    expect(page.items).toEqual([
      {
        revision: 3,
        version: "1.0.0",
        environment: "staging",
        change: "set",
        changed: ["staging:/greeting"],
        author: "olga",
        createdAt: expect.any(Number) as number,
      },
      expect.objectContaining({ revision: 2, environment: "default", changed: ["/greeting", "/apiKey", "/port"] }),
    ]);
    const last = (await plugin.call("GET", `/config/history?cursor=${page.nextCursor}`)).body;
    expect(last).toMatchObject({ items: [{ revision: 1, change: "installed" }], nextCursor: null });

    const rollback = (body: unknown, headers = {}) => plugin.call("POST", "/config/rollback", { body, headers });
    expectProblem(await rollback({ revision: 1 }, { "if-match": '"2"' }), "PRECONDITION_FAILED");
    expectProblem(await rollback({ revision: 9 }), "CONFIG_REVISION_NOT_FOUND");
    expectProblem(await rollback({ revision: 0 }), "REQUEST_INVALID");
    const back = await rollback({ revision: 1 }, { "if-match": '"3"' });
    expect(back.body).toMatchObject({
      revision: 4,
      values: { greeting: "one", apiKey: { set: true } },
      environments: ["default"],
    });
    expect(await plugin.read("greeting")).toBe("one");
    expect(await plugin.read("apiKey")).toBe(SECRET);
    expect((await plugin.call("GET", "/config/history/2")).body).toMatchObject({
      values: { default: { greeting: "two", port: 1 } },
    });
    expectProblem(await plugin.call("GET", "/config/history/9"), "CONFIG_REVISION_NOT_FOUND");
    expectProblem(await plugin.call("GET", "/config/history/x"), "REQUEST_INVALID");
    const events = (await plugin.call("GET", "/events?type=config.changed")).body as { items: { data: unknown }[] };
    expect(events.items[0]?.data).toEqual({
      installId: expect.any(String) as string,
      revision: 4,
      changed: "/greeting, /port, /apiKey, staging:/greeting",
      reason: "rolled back to revision 1",
    });
  });

  test("the last hundred are kept", async () => {
    const plugin = await installedPlugin();
    await env.DB.prepare("UPDATE plugin_instances SET config_revision = 104 WHERE tenant_id = ?")
      .bind(plugin.tenantId)
      .run();
    await env.DB.prepare("UPDATE plugin_configurations SET revision = 104 WHERE tenant_id = ?")
      .bind(plugin.tenantId)
      .run();
    await env.DB.prepare(
      'INSERT INTO plugin_configurations SELECT install_id, 5, tenant_id, plugin_id, version, "values", secrets, effective, environment, change, changed, author, created_at FROM plugin_configurations WHERE tenant_id = ?',
    )
      .bind(plugin.tenantId)
      .run();
    await plugin.put({ greeting: "new" });
    const { items } = (await plugin.call("GET", "/config/history")).body as { items: { revision: number }[] };
    expect(items.map(({ revision }) => revision)).toEqual([105, 104]);
  });
});

describe("templates", () => {
  test("lie under what a write says, are copied, and hold no secrets", async () => {
    const plugin = await installedPlugin();
    const save = (name: string, body: unknown) => plugin.call("PUT", `/config/templates/${name}`, { body });
    expect(
      (await save("small", { description: "A small one", values: { port: 80, smtp: { host: "a" } } })).body,
    ).toMatchObject({
      name: "small",
      description: "A small one",
      values: { port: 80, smtp: { host: "a" } },
      author: "olga",
    });
    expectProblem(await save("Small", { values: {} }), "REQUEST_INVALID");
    expectProblem(await save("bad", { values: { port: "x" } }), "CONFIG_INVALID");
    const secret = expectProblem(await save("bad", { values: { smtp: { password: SECRET } } }), "CONFIG_INVALID");
    expect(secret["issues"]).toEqual([
      { path: "/smtp/password", message: "is a secret, which a template must not hold" },
    ]);
    expect(JSON.stringify(secret)).not.toContain(SECRET);

    const used = await plugin.put({ greeting: "x", smtp: { password: SECRET } }, { query: "?template=small" });
    expect(used.body).toMatchObject({
      values: { greeting: "x", port: 80, smtp: { host: "a", password: { set: true } } },
    });
    expectProblem(await plugin.put({ greeting: "x" }, { query: "?template=none" }), "CONFIG_TEMPLATE_NOT_FOUND");

    await save("small", { values: { port: 81 } });
    expect(await plugin.read("port")).toBe("80");
    await save("another", { values: {} });
    const list = (await plugin.call("GET", "/config/templates?limit=1")).body as {
      items: unknown[];
      nextCursor: string;
    };
    expect(list.items).toMatchObject([{ name: "another" }]);
    const rest = await plugin.call("GET", `/config/templates?cursor=${list.nextCursor}`);
    expect(rest.body).toMatchObject({ items: [{ name: "small", values: { port: 81 } }], nextCursor: null });

    expect((await plugin.call("DELETE", "/config/templates/small")).status).toBe(204);
    expectProblem(await plugin.call("DELETE", "/config/templates/small"), "CONFIG_TEMPLATE_NOT_FOUND");
    expectProblem(await plugin.call("GET", "/config/templates/small"), "CONFIG_TEMPLATE_NOT_FOUND");
    const events = (await plugin.call("GET", "/events?type=config.template-changed")).body as {
      items: { data: unknown }[];
    };
    expect(events.items.map(({ data }) => data)).toEqual([
      { template: "small", change: "deleted" },
      { template: "another", change: "saved" },
      { template: "small", change: "saved" },
      { template: "small", change: "saved" },
    ]);
  });

  test("fifty of them, and no more", async () => {
    const plugin = await installedPlugin();
    const save = (name: string) => plugin.call("PUT", `/config/templates/${name}`, { body: { values: {} } });
    const statuses = await Promise.all(Array.from({ length: 55 }, (_, index) => save(`t${index}`)));
    expect(statuses.filter(({ status }) => status === 200)).toHaveLength(50);
    expect(statuses.filter(({ status }) => status !== 200).map(({ body }) => (body as { code: string }).code)).toEqual(
      Array.from({ length: 5 }, () => "QUOTA_EXCEEDED"),
    );
  });
});
