import { eq } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { moveInstall, type SimpleMove } from "../../../worker/control/installs/actions/move.ts";
import { updateInstall } from "../../../worker/control/installs/actions/update.ts";
import { allowedMoves, PLUGIN_MOVES, type InstallState } from "../../../worker/control/installs/rules.ts";
import { INSTALL_STATES } from "../../../worker/control/installs/schema.ts";
import { pluginInstances, pluginVersions } from "../../../worker/db/schema.ts";
import { db, eventTypes, makeDeps, refusal, revisionOf, seedInstall, seedVersion, storedSnapshot } from "./fixtures.ts";

const SIMPLE_MOVES = (Object.keys(PLUGIN_MOVES) as (keyof typeof PLUGIN_MOVES)[]).filter(
  (move): move is SimpleMove => !["validate", "install", "reinstall", "update"].includes(move),
);
const PAIRS = INSTALL_STATES.filter((state) => state !== "uninstalled").flatMap((state) =>
  SIMPLE_MOVES.map((move) => ({ state, move, to: PLUGIN_MOVES[move].to, legal: allowedMoves(state).includes(move) })),
);

describe("moves", () => {
  test.each(PAIRS.filter(({ legal }) => legal))("$state → $move → $to", async ({ state, move, to }) => {
    const actor = await seedInstall(state);
    const install = await moveInstall(makeDeps(), actor, "acme.echo", move);
    expect(install.state).toBe(to);
    expect(install.updatedAt).toBeGreaterThan(install.createdAt);
    expect((await eventTypes(actor)).slice(2)).toEqual([PLUGIN_MOVES[move].event]);
    const snapshot = await storedSnapshot(actor.tenantId);
    expect(snapshot?.revision).toBe(3);
    expect(snapshot?.installs["acme.echo"]?.state).toBe(to === "uninstalled" ? undefined : to);
  });

  test.each(PAIRS.filter(({ legal, state, to }) => !legal && state !== to))(
    "$state refuses $move",
    async ({ state, move }) => {
      const actor = await seedInstall(state);
      const error = await refusal(moveInstall(makeDeps(), actor, "acme.echo", move));
      expect(error.code).toBe("STATE_CONFLICT");
      expect(error.message).toBe(
        `The move "${move}" is not possible while the plugin is ${state}; possible moves: ${allowedMoves(state).join(", ")}.`,
      );
      expect(await eventTypes(actor)).toHaveLength(2);
      expect(await revisionOf(actor.tenantId)).toBe(2);
    },
  );

  test.each(PAIRS.filter(({ state, to }) => state === to))(
    "$move while $state changes nothing",
    async ({ state, move }) => {
      const actor = await seedInstall(state);
      expect((await moveInstall(makeDeps(), actor, "acme.echo", move)).state).toBe(state);
      expect(await eventTypes(actor)).toHaveLength(2);
      expect(await revisionOf(actor.tenantId)).toBe(2);
    },
  );

  test("what is removed is not installed any more", async () => {
    const actor = await seedInstall("uninstalled");
    for (const move of SIMPLE_MOVES) {
      const error = await refusal(moveInstall(makeDeps(), actor, "acme.echo", move));
      expect([error.code, error.message]).toEqual(["INSTALL_NOT_FOUND", 'Plugin "acme.echo" is not installed.']);
    }
  });

  test("ten activations at once are one move", async () => {
    const actor = await seedInstall("inactive");
    const results = await Promise.all(
      Array.from({ length: 10 }, () => moveInstall(makeDeps(), actor, "acme.echo", "activate")),
    );
    expect(results.map(({ state }) => state)).toEqual(Array.from({ length: 10 }, () => "active"));
    expect((await eventTypes(actor)).slice(2)).toEqual(["plugin.activated"]);
    expect(await revisionOf(actor.tenantId)).toBe(3);
  });

  test("activations and deactivations at once: states and events tell one story", async () => {
    const actor = await seedInstall("inactive");
    await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) =>
        moveInstall(makeDeps(), actor, "acme.echo", index % 2 === 0 ? "activate" : "deactivate"),
      ),
    );
    const moves = (await eventTypes(actor)).slice(2);
    expect(moves.length).toBeGreaterThan(0);
    expect(await revisionOf(actor.tenantId)).toBe(2 + moves.length);
    const activations = moves.filter((type) => type === "plugin.activated").length;
    const [row] = await db.select().from(pluginInstances).where(eq(pluginInstances.tenantId, actor.tenantId));
    expect(row?.state).toBe(activations * 2 > moves.length ? "active" : "inactive");
    const snapshot = await storedSnapshot(actor.tenantId);
    expect(snapshot?.installs["acme.echo"]?.state).toBe(row?.state);
  });

  test("a quarantined version cannot be activated", async () => {
    const actor = await seedInstall("inactive");
    await db.update(pluginVersions).set({ state: "quarantined" }).where(eq(pluginVersions.tenantId, actor.tenantId));
    const error = await refusal(moveInstall(makeDeps(), actor, "acme.echo", "activate"));
    expect([error.code, error.message]).toEqual([
      "STATE_CONFLICT",
      'Version 1.0.0 of "acme.echo" is quarantined and cannot be installed.',
    ]);
  });
});

describe("update", () => {
  test("version, configuration and limits, in one go", async () => {
    const actor = await seedInstall();
    await seedVersion({ tenantId: actor.tenantId, version: "2.0.0" });
    const install = await updateInstall(makeDeps(), actor, "acme.echo", {
      version: "2.0.0",
      config: { greeting: "hi" },
      limits: { fuel: 10 },
    });
    expect(install).toMatchObject({
      version: "2.0.0",
      state: "active",
      configuration: { values: { default: { greeting: "hi" } } },
      limits: { fuel: 10 },
    });
    expect((await eventTypes(actor)).slice(2)).toEqual(["plugin.updated", "config.changed"]);
    const snapshot = await storedSnapshot(actor.tenantId);
    expect(snapshot?.installs["acme.echo"]).toMatchObject({ version: "2.0.0", config: { greeting: "hi" } });
  });

  test("what is not named stays; what changes nothing is no event", async () => {
    const actor = await seedInstall();
    const deps = makeDeps();
    await updateInstall(deps, actor, "acme.echo", { config: { a: "1" } });
    const install = await updateInstall(deps, actor, "acme.echo", { limits: { fuel: 5 } });
    expect(install).toMatchObject({ version: "1.0.0", limits: { fuel: 5 } });
    expect(install.configuration.values.default).toEqual({ a: "1" });
    await updateInstall(deps, actor, "acme.echo", { version: "1.0.0", config: { a: "1" }, limits: { fuel: 5 } });
    expect((await eventTypes(actor)).slice(2)).toEqual(["plugin.updated", "config.changed", "plugin.updated"]);
  });

  test("ten equal updates at once are one change", async () => {
    const actor = await seedInstall();
    const update = { config: { a: "1" } };
    await Promise.all(Array.from({ length: 10 }, () => updateInstall(makeDeps(), actor, "acme.echo", update)));
    expect((await eventTypes(actor)).slice(2)).toEqual(["plugin.updated", "config.changed"]);
    expect(await revisionOf(actor.tenantId)).toBe(3);
  });

  test("updates of different parts at once lose nothing", async () => {
    const actor = await seedInstall();
    await seedVersion({ tenantId: actor.tenantId, version: "2.0.0" });
    await Promise.all([
      updateInstall(makeDeps(), actor, "acme.echo", { config: { a: "1" } }),
      updateInstall(makeDeps(), actor, "acme.echo", { limits: { fuel: 5 } }),
      updateInstall(makeDeps(), actor, "acme.echo", { version: "2.0.0" }),
    ]);
    const [row] = await db.select().from(pluginInstances).where(eq(pluginInstances.tenantId, actor.tenantId));
    expect(row).toMatchObject({ limits: { fuel: 5 } });
    expect((await eventTypes(actor)).slice(2)).toHaveLength(4);
    expect((await storedSnapshot(actor.tenantId))?.installs["acme.echo"]).toMatchObject({
      version: "2.0.0",
      config: { a: "1" },
      limits: { fuel: 5 },
    });
  });

  test.each<[InstallState, string]>([
    ["quarantined", "STATE_CONFLICT"],
    ["uninstalled", "INSTALL_NOT_FOUND"],
  ])("refused while %s", async (state, code) => {
    const actor = await seedInstall(state);
    const error = await refusal(updateInstall(makeDeps(), actor, "acme.echo", { config: { a: "1" } }));
    expect(error.code).toBe(code);
  });

  test.each<[string, string, object]>([
    ["VERSION_NOT_FOUND", 'Plugin "acme.echo" has no version 7.0.0.', { version: "7.0.0" }],
    ["REQUEST_INVALID", "Limits of an install can only be narrower than the version's.", { limits: { fuel: 9e9 } }],
  ])("%s", async (code, message, input) => {
    const actor = await seedInstall();
    const error = await refusal(updateInstall(makeDeps(), actor, "acme.echo", input));
    expect([error.code, error.message]).toEqual([code, message]);
    expect(await eventTypes(actor)).toHaveLength(2);
  });
});
