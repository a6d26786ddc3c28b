import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { openDatabase } from "../../../worker/db/client.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { DEFAULT_SETTINGS } from "../../../sdk/contract/settings.ts";
import { listEvents } from "../../../worker/control/events/store.ts";
import { changeSettings, settingsFrom } from "../../../worker/control/settings/rules.ts";
import { readSettings } from "../../../worker/control/settings/store.ts";
import { api, expectProblem, type ApiAnswer } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";

const db = openDatabase(env.DB);
let token: string;

beforeAll(async () => {
  token = await mintToken({ tenant: PLATFORM_TENANT, subject: "root", roles: ["admin"] });
});

function call(method: string, body?: unknown, headers = {}): Promise<ApiAnswer> {
  return api(method, "/api/v1/admin/settings", { token, headers, ...(body === undefined ? {} : { body }) });
}

describe("defaults", () => {
  test("are those of the systems that Patchbay takes the place of", async () => {
    const { alerts: _ours, ...taken } = DEFAULT_SETTINGS;
    expect(taken).toEqual({
      audit: {
        continuous: true,
        intervalMinutes: 15,
        autoFix: true,
        criticalThreshold: 3,
        scope: "active-only",
        notificationLevel: "warnings",
      },
      migration: {
        backupIntervalMinutes: 30,
        healthCheckMinutes: 5,
        emergencyErrorThreshold: 5,
        autoRecovery: true,
        retention: 10,
      },
    });
    expect(await readSettings(db)).toEqual(DEFAULT_SETTINGS);
    const answer = await call("GET");
    expect(answer.headers.get("etag")).toBe('"0"');
    expect(answer.body).toEqual({ revision: 0, ...DEFAULT_SETTINGS, updatedBy: null, updatedAt: null });
  });

  test("hold for what is not stored, and for what is stored and no longer allowed", () => {
    const stored = { audit: { intervalMinutes: 0, autoFix: false, scope: "some", more: 1 }, other: { a: 1 } };
    expect(settingsFrom(stored)).toEqual({ ...DEFAULT_SETTINGS, audit: { ...DEFAULT_SETTINGS.audit, autoFix: false } });
  });

  test("a change says what it changes", () => {
    const change = { audit: { autoFix: true, scope: "all" }, migration: { retention: 3 } };
    expect(changeSettings(DEFAULT_SETTINGS, change)).toEqual({
      settings: {
        audit: { ...DEFAULT_SETTINGS.audit, scope: "all" },
        alerts: DEFAULT_SETTINGS.alerts,
        migration: { ...DEFAULT_SETTINGS.migration, retention: 3 },
      },
      changed: ["audit.scope", "migration.retention"],
    });
  });
});

describe("a change at run time", () => {
  test("is a revision with an event, seen by whoever reads next", async () => {
    const answer = await call(
      "PUT",
      { audit: { intervalMinutes: 5, notificationLevel: "all" } },
      { "if-match": '"0"' },
    );
    expect(answer.headers.get("etag")).toBe('"1"');
    expect(answer.body).toMatchObject({
      revision: 1,
      audit: { intervalMinutes: 5, notificationLevel: "all", continuous: true },
      updatedBy: "root",
    });
    expect((await readSettings(db)).audit.intervalMinutes).toBe(5);
    expect((await call("PUT", { audit: { intervalMinutes: 5 } })).body).toMatchObject({ revision: 1 });
    expectProblem(await call("PUT", { audit: { intervalMinutes: 6 } }, { "if-match": '"0"' }), "PRECONDITION_FAILED");
    await call("PUT", { migration: { retention: 20 } });

    const events = await listEvents(db, PLATFORM_TENANT, { type: "settings.changed" }, { limit: 9, order: "oldest" });
    expect(events.map(({ data, subject }) => [data, subject])).toEqual([
      [{ revision: 1, changed: "audit.intervalMinutes, audit.notificationLevel" }, "root"],
      [{ revision: 2, changed: "migration.retention" }, "root"],
    ]);
    const { body } = await api("GET", "/api/v1/admin/settings/history?limit=1", { token });
    expect(body).toMatchObject({
      items: [{ revision: 2, changed: ["migration.retention"], author: "root", migration: { retention: 20 } }],
      nextCursor: expect.any(String) as string,
    });
  });

  test("at once with others loses nothing", async () => {
    const changes = [
      { audit: { autoFix: false } },
      { audit: { continuous: false } },
      { migration: { autoRecovery: false } },
    ];
    const answers = await Promise.all(changes.map((change) => call("PUT", change)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await readSettings(db)).toMatchObject({
      audit: { autoFix: false, continuous: false },
      migration: { autoRecovery: false },
    });
  });

  test.each<[unknown, string, string]>([
    [
      { audit: { intervalMinutes: 0 } },
      "/audit/intervalMinutes",
      "must be a whole number of minutes from 1 to 1440; found 0",
    ],
    [
      { audit: { intervalMinutes: "15" } },
      "/audit/intervalMinutes",
      "must be a whole number of minutes from 1 to 1440",
    ],
    [
      { migration: { retention: 1.5 } },
      "/migration/retention",
      "must be a whole number of backups from 1 to 100; found 1.5",
    ],
    [{ audit: { scope: "some" } }, "/audit/scope", "must be one of active-only, all"],
    [{ audit: { autoFix: "yes" } }, "/audit/autoFix", "must be true or false"],
    [{ audit: { speed: 1 } }, "/audit/speed", "is not a setting"],
    [{ other: {} }, "/other", "is not a group of settings"],
    [{ audit: {} }, "", "must name at least one setting"],
    [{}, "", "must name at least one setting"],
  ])("%j is refused", async (body, path, message) => {
    const before = (await call("GET")).body;
    const problem = expectProblem(await call("PUT", body), "REQUEST_INVALID");
    expect(problem["issues"]).toEqual([{ path, message }]);
    expect((await call("GET")).body).toEqual(before);
  });

  test("is for admins of the platform only", async () => {
    const other = await mintToken({ tenant: "acme", roles: ["admin"] });
    const operator = await mintToken({ tenant: PLATFORM_TENANT, roles: ["operator"] });
    for (const [bearer, code] of [
      [other, "TENANT_UNKNOWN"],
      [operator, "PERMISSION_DENIED"],
    ] as const) {
      expectProblem(
        await api("PUT", "/api/v1/admin/settings", { token: bearer, body: { audit: { autoFix: true } } }),
        code,
      );
    }
  });
});

describe.each([
  ["/self-debug/config", "audit", "operator", { intervalMinutes: 33 }],
  ["/migration-proof/config", "migration", "admin", { retention: 7 }],
] as const)("%s", (path, group, role, change) => {
  const send = (
    method: string,
    given: { readonly token: string; readonly body?: unknown; readonly headers?: object },
  ) => api(method, `/api/plugins${path}`, { ...given, headers: { ...given.headers } });

  test("reads and changes one group of the settings, as the whole of them do", async () => {
    const before = (await call("GET")).body as Record<string, object> & { revision: number };
    const read = await send("GET", { token });
    expect(read.body).toMatchObject({ revision: before.revision, ...before[group] });
    const tag = read.headers.get("etag") ?? "";
    const changed = await send("PUT", { token, body: change, headers: { "if-match": tag } });
    expect(changed.body).toMatchObject({ revision: before.revision + 1, ...change, updatedBy: "root" });
    expect((await call("GET")).body).toMatchObject({ [group]: { ...before[group], ...change } });
    expectProblem(await send("PUT", { token, body: change, headers: { "if-match": tag } }), "PRECONDITION_FAILED");
  });

  test("is read by who works with it, and changed by admins of the platform alone", async () => {
    await installGuests("elsewhere", []);
    const own = await mintToken({ tenant: "elsewhere", roles: [role] });
    expect((await send("GET", { token: own })).status).toBe(200);
    expectProblem(await send("PUT", { token: own, body: change }), "PERMISSION_DENIED");
    const caller = await mintToken({ tenant: "elsewhere", roles: ["caller"] });
    expectProblem(await send("GET", { token: caller }), "PERMISSION_DENIED");
  });

  test("refuses what is no setting of the group", async () => {
    expectProblem(await send("PUT", { token, body: { other: 1 } }), "REQUEST_INVALID");
    expectProblem(await send("PUT", { token, body: {} }), "REQUEST_INVALID");
  });
});
