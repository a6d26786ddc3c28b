import { describe, expect, test } from "vitest";
import { expectProblem } from "../../support/workers/api.ts";
import { installedPlugin, SCHEMA, SECRET } from "./configured-plugin.ts";

/** Version 2 calls the greeting a message, and has a place of its own for credentials. */
const SCHEMA_2 = {
  type: "object",
  required: ["message"],
  additionalProperties: false,
  properties: {
    message: { type: "string" },
    port: { type: "integer", default: 8080 },
    credentials: { type: "object", properties: { key: { type: "string", "x-secret": true } } },
    smtp: SCHEMA.properties.smtp,
    format: { enum: ["plain", "html"] },
  },
};
const MIGRATIONS = [
  {
    from: "^1.0.0",
    operations: [
      { op: "rename", path: "/greeting", to: "message" },
      { op: "move", from: "/apiKey", path: "/credentials/key" },
      { op: "set", path: "/format", value: "plain" },
    ],
  },
];

const move = (version: string, body = {}) => ["PUT", "", { body: { version, ...body } }] as const;

describe("a move to another version", () => {
  test("migrates the configuration of every environment, secrets included", async () => {
    const plugin = await installedPlugin({ greeting: "one", apiKey: SECRET, smtp: { password: SECRET } });
    await plugin.put({ greeting: "live" }, { query: "?environment=production" });
    await plugin.upload("2.0.0", { config: SCHEMA_2, configMigrations: MIGRATIONS });
    expect((await plugin.call(...move("2.0.0"))).body).toMatchObject({ version: "2.0.0", configRevision: 3 });
    expect(await plugin.read("message")).toBe("live");
    expect(await plugin.read("port")).toBe("8080");
    expect(JSON.parse((await plugin.read("credentials")) ?? "")).toEqual({ key: SECRET });
    expect(JSON.parse((await plugin.read("smtp")) ?? "")).toEqual({ password: SECRET });
    expect((await plugin.call("GET", "/config")).body).toMatchObject({
      version: "2.0.0",
      values: { message: "one", format: "plain", credentials: { key: { set: true } } },
    });
    expect((await plugin.call("GET", "/config/history/2")).body).toMatchObject({
      version: "1.0.0",
      values: { default: { greeting: "one", apiKey: { set: true } }, production: { greeting: "live" } },
    });
    expect((await plugin.call("GET", "/config/history/3")).body).toMatchObject({
      version: "2.0.0",
      change: "migrated",
    });
    const events = (await plugin.call("GET", "/events?limit=2")).body as { items: { type: string; data: object }[] };
    expect(events.items.map(({ type }) => type)).toEqual(["config.changed", "plugin.updated"]);
    expect(events.items[0]?.data).toMatchObject({ reason: "moved from version 1.0.0 to 2.0.0" });
  });

  test("is refused with every place where the configuration does not fit, and nothing changes", async () => {
    const plugin = await installedPlugin();
    await plugin.put({ greeting: "live" }, { query: "?environment=production" });
    await plugin.upload("2.0.0", { config: SCHEMA_2 });
    const problem = expectProblem(
      await plugin.call(...move("2.0.0", { limits: { fuel: 1000 } })),
      "CONFIG_INCOMPATIBLE",
    );
    expect(problem["issues"]).toEqual([
      { path: "/message", message: "is required" },
      { path: "/greeting", message: "is not a known entry" },
    ]);
    expect((await plugin.call("GET", "")).body).toMatchObject({
      install: { version: "1.0.0", configRevision: 2, limits: {} },
    });
    expect(await plugin.read("greeting")).toBe("live");
  });

  test("goes through where the request gives a configuration that fits", async () => {
    const plugin = await installedPlugin();
    await plugin.upload("2.0.0", { config: SCHEMA_2 });
    expectProblem(await plugin.call(...move("2.0.0", { config: { message: 1 } })), "CONFIG_INVALID");
    expect((await plugin.call(...move("2.0.0", { config: { message: "new" } }))).status).toBe(200);
    expect(await plugin.read("message")).toBe("new");
  });

  test("back to an older version finds the configuration that was set for it", async () => {
    const plugin = await installedPlugin({ greeting: "one", apiKey: SECRET });
    await plugin.upload("2.0.0", { config: SCHEMA_2, configMigrations: MIGRATIONS });
    await plugin.call(...move("2.0.0"));
    await plugin.put({ message: "changed" });
    expect((await plugin.call(...move("1.0.0"))).body).toMatchObject({ version: "1.0.0", configRevision: 4 });
    expect(await plugin.read("greeting")).toBe("one");
    expect(await plugin.read("apiKey")).toBe(SECRET);
    const events = (await plugin.call("GET", "/events?type=config.changed&limit=1")).body as {
      items: { data: object }[];
    };
    expect(events.items[0]?.data).toMatchObject({
      reason: "back to version 1.0.0, and to revision 1, which was set for it",
    });
  });

  test.each([
    ["does not mark a secret as one", { ...SCHEMA, properties: { ...SCHEMA.properties, apiKey: { type: "string" } } }],
    ["takes any values", undefined],
  ])("that %s is refused, since it would show the secret", async (_case, config) => {
    const plugin = await installedPlugin({ greeting: "one", apiKey: SECRET });
    await plugin.upload("1.1.0", config ? { config } : {});
    const problem = expectProblem(await plugin.call(...move("1.1.0")), "CONFIG_INCOMPATIBLE");
    expect(problem["issues"]).toEqual([
      { path: "/apiKey", message: "is a secret that the version would show, since its schema does not mark it as one" },
    ]);
    expect(JSON.stringify(problem)).not.toContain(SECRET);
    expect((await plugin.call(...move("1.1.0", { config: { greeting: "two" } }))).status).toBe(200);
    expect(await plugin.read("greeting")).toBe("two");
    expect(await plugin.read("apiKey")).toBeUndefined();
  });

  test("makes a plain value a secret where the new version marks it as one", async () => {
    const plugin = await installedPlugin({ token: SECRET, n: 5 }, {});
    expect(await plugin.read("token")).toBe(SECRET);
    expect(await plugin.read("n")).toBe("5");
    await plugin.upload("2.0.0", { config: { properties: { token: { writeOnly: true } } } });
    await plugin.call(...move("2.0.0"));
    expect(await plugin.read("token")).toBe(SECRET);
    expect((await plugin.call("GET", "/config")).body).toMatchObject({ values: { n: 5, token: { set: true } } });
  });

  test("that takes the same configuration keeps it, with the new defaults", async () => {
    const plugin = await installedPlugin();
    const port = { ...SCHEMA.properties.port, default: 80 };
    await plugin.upload("1.0.1", { config: { ...SCHEMA, properties: { ...SCHEMA.properties, port } } });
    await plugin.call(...move("1.0.1"));
    expect(await plugin.read("greeting")).toBe("hello");
    expect(await plugin.read("port")).toBe("80");
    const events = (await plugin.call("GET", "/events?type=config.changed")).body as { items: unknown[] };
    expect(events.items).toEqual([]);
  });

  test("with a migration that cannot be applied is refused with the place", async () => {
    const plugin = await installedPlugin({ greeting: "one", smtp: { host: "a" } });
    const operations = [{ op: "move", from: "/greeting", path: "/smtp/host" }];
    await plugin.upload("2.0.0", { config: {}, configMigrations: [{ from: "*", operations }] });
    const problem = expectProblem(await plugin.call(...move("2.0.0")), "CONFIG_INCOMPATIBLE");
    expect(problem["issues"]).toEqual([
      { path: "/smtp/host", message: "cannot be moved here by the migration: it is there already" },
    ]);
  });
});
