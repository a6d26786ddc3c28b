import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import type { Grants } from "../../../sdk/contract/grants.ts";
import type { Manifest } from "../../../sdk/contract/manifest.ts";
import { decideOnConsent } from "../../../worker/control/grants/actions/consent.ts";
import {
  readPermissions,
  revokePermissions,
  setPermissions,
} from "../../../worker/control/grants/actions/permissions.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import { moveInstall } from "../../../worker/control/installs/actions/move.ts";
import { updateInstall } from "../../../worker/control/installs/actions/update.ts";
import { FRESH_MS, SnapshotCache, SnapshotStore, STALE_MS } from "../../../worker/execution/snapshot-store.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { eventTypes, makeDeps, refusal, revisionOf, seedTenant, seedVersion, storedSnapshot } from "./fixtures.ts";

const ID = "acme.echo";
const ASKED: Manifest["permissions"] = [
  { capability: "http", hosts: ["api.example.com", "*.example.org"], reason: "to look things up" },
  { capability: "storage" },
];

let operator: Actor;
let admin: Actor;

async function seed(asked = ASKED, version = "1.0.0"): Promise<void> {
  await seedVersion({ tenantId: operator.tenantId, version, manifest: { permissions: asked } });
}

beforeEach(async () => {
  operator = await seedTenant();
  admin = { ...operator, subject: "ada", roles: ["admin"] };
  await seed();
});

/** What execution may do, as another isolate reads it. */
async function grantsInForce(pluginId = ID): Promise<Grants | undefined> {
  return (await storedSnapshot(operator.tenantId))?.installs[pluginId]?.grants;
}

async function statuses(): Promise<Record<string, string>> {
  const { answer } = await readPermissions(makeDeps(), admin, ID);
  return Object.fromEntries(answer.permissions.map(({ capability, status }) => [capability, status]));
}

const install = (actor: Actor, grants?: Grants) =>
  installPlugin(makeDeps(), actor, { pluginId: ID, activate: true, grants });
const set = (grants: Grants, ifMatch?: string) => setPermissions(makeDeps(), admin, ID, grants, ifMatch);

describe("install", () => {
  test("grants nothing that the manifest only asks for", async () => {
    await install(operator);
    expect(await grantsInForce()).toEqual({});
    expect(await statuses()).toEqual({ http: "pending", storage: "pending" });
  });

  test("grants nothing to an admin who does not say so", async () => {
    await install(admin);
    expect(await grantsInForce()).toEqual({});
  });

  test("with grants is for admins, and nothing is installed for others", async () => {
    const error = await refusal(install(operator, { storage: {} }));
    expect([error.code, error.members]).toEqual(["PERMISSION_DENIED", { permission: "plugins:grant" }]);
    expect((await refusal(readPermissions(makeDeps(), admin, ID))).code).toBe("INSTALL_NOT_FOUND");
  });

  test("with grants of an admin gives them at once", async () => {
    await install(admin, { http: { hosts: ["api.example.com"] } });
    expect(await grantsInForce()).toEqual({ http: { hosts: ["api.example.com"] } });
    expect(await statuses()).toEqual({ http: "granted", storage: "pending" });
  });

  test("with grants wider than what is asked is refused whole", async () => {
    const error = await refusal(install(admin, { http: { hosts: ["evil.test"] } }));
    expect(error.code).toBe("REQUEST_INVALID");
    expect(error.issues?.[0]?.path).toBe("/grants/http/hosts/0");
    expect((await refusal(readPermissions(makeDeps(), admin, ID))).code).toBe("INSTALL_NOT_FOUND");
  });

  test("again with other grants is a difference", async () => {
    await install(admin, { storage: {} });
    expect(await install(admin, { storage: {} })).toMatchObject({ created: false });
    const error = await refusal(install(admin, { storage: {}, http: {} }));
    expect([error.code, error.members?.["differences"]]).toEqual(["STATE_CONFLICT", ["grants"]]);
  });

  test("of a built-in is treated the same", async () => {
    const pluginId = `${operator.tenantId}-built-in`;
    await seedVersion({ tenantId: PLATFORM_TENANT, pluginId, manifest: { permissions: ASKED } });
    await installPlugin(makeDeps(), operator, { pluginId, activate: true });
    expect(await grantsInForce(pluginId)).toEqual({});
  });

  test("after an uninstall begins without grants", async () => {
    await install(admin, { storage: {} });
    await moveInstall(makeDeps(), operator, ID, "uninstall");
    await install(operator);
    expect(await grantsInForce()).toEqual({});
    const { answer } = await readPermissions(makeDeps(), admin, ID);
    expect(answer.history).toMatchObject([{ capability: "storage", ending: "uninstalled", endedBy: "olga" }]);
    expect(await statuses()).toEqual({ http: "pending", storage: "pending" });
  });
});

describe("grants", () => {
  beforeEach(() => install(operator));

  test("are shown with what is asked, in force and by whom", async () => {
    await set({ http: { hosts: ["a.example.org"], quotas: { requests: 3 } } });
    const { answer } = await readPermissions(makeDeps(), admin, ID);
    expect(answer.permissions[0]).toEqual({
      capability: "http",
      title: "outgoing HTTP requests",
      aliases: ["network"],
      reason: "to look things up",
      status: "granted",
      asked: { hosts: ["api.example.com", "*.example.org"] },
      granted: {
        hosts: ["a.example.org"],
        quotas: { requests: 3, requestBytes: 1_048_576, responseBytes: 1_048_576 },
      },
      decidedBy: "ada",
      decidedAt: expect.any(Number) as number,
    });
    expect(answer.permissions[1]).toMatchObject({ capability: "storage", status: "pending", granted: null });
    expect(await grantsInForce()).toEqual({ http: { hosts: ["a.example.org"], quotas: { requests: 3 } } });
  });

  test("as they are already write nothing", async () => {
    await set({ storage: {} });
    const revision = await revisionOf(operator.tenantId);
    await set({ storage: {} });
    expect(await revisionOf(operator.tenantId)).toBe(revision);
    expect((await eventTypes(operator)).filter((type) => type === "grant.changed")).toHaveLength(1);
  });

  test("that are replaced and left out stay in the history", async () => {
    await set({ storage: {}, http: {} });
    await set({ http: { hosts: ["api.example.com"] } });
    expect(await statuses()).toEqual({ http: "granted", storage: "revoked" });
    const { answer } = await readPermissions(makeDeps(), admin, ID);
    expect(answer.history.map(({ capability, ending, endedBy }) => [capability, ending, endedBy])).toEqual(
      expect.arrayContaining([
        ["http", "replaced", "ada"],
        ["storage", "revoked", "ada"],
      ]),
    );
  });

  test("beyond what is asked are refused and change nothing", async () => {
    await set({ storage: {} });
    const error = await refusal(set({ storage: {}, crypto: {} }));
    expect([error.code, error.message]).toEqual([
      "REQUEST_INVALID",
      "Grants can only narrow what the manifest asks for: /grants/crypto is not asked for by the manifest, which asks for http, storage.",
    ]);
    expect(await grantsInForce()).toEqual({ storage: {} });
  });

  test("change only what the admin saw, where a tag is given", async () => {
    const { tag } = await set({ storage: {} });
    await set({ http: {} }, tag);
    const error = await refusal(set({}, tag));
    expect(error.code).toBe("PRECONDITION_FAILED");
    expect(await statuses()).toEqual({ http: "granted", storage: "revoked" });
    await set({}, "*");
    expect(await grantsInForce()).toEqual({});
  });

  test("of five admins at once end as one of them wished, and as one row each", async () => {
    const wishes: Grants[] = [{ http: {} }, { storage: {} }, { http: {}, storage: {} }, {}, { http: { hosts: [] } }];
    await Promise.all(wishes.map((wish) => set(wish)));
    const inForce = await grantsInForce();
    expect(wishes.map((wish) => Object.keys(wish).sort().join())).toContain(
      Object.keys(inForce ?? {})
        .sort()
        .join(),
    );
    const { results } = await env.DB.prepare(
      "SELECT capability FROM plugin_permissions WHERE tenant_id = ? AND ended_at IS NULL",
    )
      .bind(operator.tenantId)
      .all<{ capability: string }>();
    expect(results.map(({ capability }) => capability).sort()).toEqual(Object.keys(inForce ?? {}).sort());
  });

  test("of another tenant's install do not exist", async () => {
    const stranger = { ...(await seedTenant()), roles: ["admin"] } as const;
    for (const work of [
      readPermissions(makeDeps(), stranger, ID),
      setPermissions(makeDeps(), stranger, ID, {}, undefined),
      revokePermissions(makeDeps(), stranger, ID, ["http"]),
      decideOnConsent(makeDeps(), stranger, ID, { version: "2.0.0", accept: true }),
    ]) {
      expect((await refusal(work)).code).toBe("INSTALL_NOT_FOUND");
    }
  });
});

describe("a revocation", () => {
  test("ends what is named, once, also while the install is quarantined", async () => {
    await install(admin, { http: {}, storage: {} });
    await moveInstall(makeDeps(), operator, ID, "quarantine");
    await revokePermissions(makeDeps(), admin, ID, ["storage", "crypto"]);
    await revokePermissions(makeDeps(), admin, ID, ["storage"]);
    expect(await statuses()).toEqual({ http: "granted", storage: "revoked" });
    // Two grants at the install, one revocation.
    expect((await eventTypes(operator)).filter((type) => type === "grant.changed")).toHaveLength(3);
  });

  test("is seen at once by the isolate that made it, and by every other after the snapshot's bound", async () => {
    await install(admin, { storage: {} });
    const here = makeDeps();
    const there = elsewhere(here.clock.now());
    expect((await there.read()).storage).toEqual({});
    expect((await here.snapshots.read(operator.tenantId))?.installs[ID]?.grants.storage).toEqual({});

    await revokePermissions(here, admin, ID, ["storage"]);
    expect((await here.snapshots.read(operator.tenantId))?.installs[ID]?.grants).toEqual({});

    there.now += FRESH_MS - 1;
    expect((await there.read()).storage).toEqual({}); // within the bound
    there.now += STALE_MS;
    expect(await there.read()).toEqual({});
    expect(STALE_MS).toBe(30_000);
  });
});

/** Another isolate with a memory and a clock of its own. */
function elsewhere(now: number) {
  const isolate = {
    now,
    read: async (): Promise<Grants> => (await store.read(operator.tenantId))?.installs[ID]?.grants ?? {},
  };
  const store = new SnapshotStore(env.STORE, new SnapshotCache(), { now: () => isolate.now }, (work) => void work);
  return isolate;
}

describe("a version that asks for more", () => {
  const MORE: Manifest["permissions"] = [
    { capability: "http", hosts: ["api.example.com", "*.example.org", "new.test"] },
    { capability: "crypto" },
  ];
  const update = (version: string, config?: Record<string, string>) =>
    updateInstall(makeDeps(), operator, ID, { version, config });

  beforeEach(async () => {
    await seed(MORE, "2.0.0");
    await installPlugin(makeDeps(), admin, { pluginId: ID, version: "1.0.0", activate: true, grants: { http: {} } });
  });

  test("waits for consent: nothing moves, and the refusal says what is new", async () => {
    const error = await refusal(update("2.0.0", { greeting: "hello" }));
    expect(error.code).toBe("CONSENT_REQUIRED");
    expect(error.members).toEqual({
      version: "2.0.0",
      installedVersion: "1.0.0",
      additions: [
        { capability: "http", isNew: false, hosts: ["new.test"] },
        { capability: "crypto", isNew: true },
      ],
    });
    expect((await storedSnapshot(operator.tenantId))?.installs[ID]).toMatchObject({ version: "1.0.0", config: {} });
    const { answer } = await readPermissions(makeDeps(), admin, ID);
    expect(answer.consent).toMatchObject({ fromVersion: "1.0.0", version: "2.0.0", requestedBy: "olga" });
    await refusal(update("2.0.0"));
    expect((await eventTypes(operator)).filter((type) => type === "consent.requested")).toHaveLength(1);
  });

  test("moves once an admin consents, with what it asks for beyond the old one", async () => {
    await refusal(update("2.0.0"));
    const { answer } = await decideOnConsent(makeDeps(), admin, ID, { version: "2.0.0", accept: true });
    expect(answer).toMatchObject({ version: "2.0.0", consent: null });
    expect(await grantsInForce()).toEqual({
      http: { hosts: ["api.example.com", "*.example.org", "new.test"] },
      crypto: {},
    });
    expect((await eventTypes(operator)).slice(2)).toEqual([
      "grant.changed", // the install's own grant
      "consent.requested",
      "plugin.updated",
      "grant.changed",
      "grant.changed",
    ]);
  });

  test("moves with the grants that the admin names", async () => {
    await refusal(update("2.0.0"));
    const grants = { http: { hosts: ["new.test"] } };
    await decideOnConsent(makeDeps(), admin, ID, { version: "2.0.0", accept: true, grants });
    expect(await grantsInForce()).toEqual(grants);
  });

  test("stays where it is when the admin refuses", async () => {
    await refusal(update("2.0.0"));
    const { answer } = await decideOnConsent(makeDeps(), admin, ID, { version: "2.0.0", accept: false });
    expect(answer).toMatchObject({ version: "1.0.0", consent: null });
    expect(await grantsInForce()).toEqual({ http: { hosts: ["api.example.com", "*.example.org"] } });
    expect((await refusal(update("2.0.0"))).code).toBe("CONSENT_REQUIRED");
  });

  test("cannot be consented to by another name, or when nothing waits", async () => {
    const decide = (version: string) => decideOnConsent(makeDeps(), admin, ID, { version, accept: true });
    expect((await refusal(decide("2.0.0"))).message).toBe(
      'Version 2.0.0 of "acme.echo" does not wait for consent; none does.',
    );
    await refusal(update("2.0.0"));
    expect((await refusal(decide("3.0.0"))).message).toContain("version 2.0.0 does.");
  });

  test("a version that asks for less moves at once, drops what is not asked, and closes what waited", async () => {
    await set({ http: {}, storage: {} });
    await seed([{ capability: "http", hosts: ["api.example.com"] }], "1.1.0");
    await refusal(update("2.0.0"));
    expect((await update("1.1.0")).version).toBe("1.1.0");
    expect(await grantsInForce()).toEqual({ http: { hosts: ["api.example.com"] } });
    const { answer } = await readPermissions(makeDeps(), admin, ID);
    expect(answer.consent).toBeNull();
    expect(answer.history.map(({ capability, ending }) => [capability, ending])).toEqual(
      expect.arrayContaining([
        ["http", "replaced"],
        ["storage", "unasked"],
      ]),
    );
    // What was dropped is gone: the old version needs consent again.
    expect((await refusal(update("1.0.0"))).code).toBe("CONSENT_REQUIRED");
  });
});
