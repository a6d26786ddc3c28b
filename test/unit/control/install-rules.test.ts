import { describe, expect, test } from "vitest";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { EVENTS } from "../../../sdk/contract/events.ts";
import {
  allowedMoves,
  INSTANCE_MOVES,
  isAlreadyDone,
  nextInstanceState,
  nextState,
  PLUGIN_MOVES,
  type InstanceMove,
  type InstanceState,
  type PluginMove,
  type PluginState,
} from "../../../worker/control/installs/rules.ts";

function caught(run: () => unknown): PlatformError {
  try {
    run();
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Written out a second time on purpose: state → move → state. Every pair that is missing here must be refused. */
const PLUGIN_LIFE: Record<PluginState, Partial<Record<PluginMove, PluginState>>> = {
  pending: { validate: "validated" },
  validated: { install: "installed" },
  installed: {
    activate: "active",
    update: "installed",
    fail: "error",
    quarantine: "quarantined",
    uninstall: "uninstalled",
  },
  active: {
    deactivate: "inactive",
    update: "active",
    fail: "error",
    quarantine: "quarantined",
    uninstall: "uninstalled",
  },
  inactive: {
    activate: "active",
    update: "inactive",
    fail: "error",
    quarantine: "quarantined",
    uninstall: "uninstalled",
  },
  error: {
    deactivate: "inactive",
    update: "error",
    recover: "active",
    quarantine: "quarantined",
    uninstall: "uninstalled",
  },
  quarantined: { release: "inactive", uninstall: "uninstalled" },
  uninstalled: { reinstall: "installed" },
};

const INSTANCE_LIFE: Record<InstanceState, Partial<Record<InstanceMove, InstanceState>>> = {
  initializing: { initialized: "initialized", fail: "error" },
  initialized: { start: "starting" },
  starting: { started: "running", stop: "stopping", fail: "error" },
  running: { stop: "stopping", fail: "error" },
  stopping: { stopped: "stopped", fail: "error" },
  stopped: { start: "starting", reset: "initializing" },
  error: { reset: "initializing" },
};

const pluginPairs = (Object.keys(PLUGIN_LIFE) as PluginState[]).flatMap((state) =>
  (Object.keys(PLUGIN_MOVES) as PluginMove[]).map((move) => [state, move, PLUGIN_LIFE[state][move]] as const),
);
const instancePairs = (Object.keys(INSTANCE_LIFE) as InstanceState[]).flatMap((state) =>
  (Object.keys(INSTANCE_MOVES) as InstanceMove[]).map((move) => [state, move, INSTANCE_LIFE[state][move]] as const),
);

describe("plugin states", () => {
  test.each(pluginPairs.filter(([, , to]) => to !== undefined))("%s allows %s and becomes %s", (state, move, to) => {
    expect(nextState(state, move)).toBe(to);
  });

  test.each(pluginPairs.filter(([, , to]) => to === undefined))("%s refuses %s", (state, move) => {
    const allowed = Object.keys(PLUGIN_LIFE[state]);
    const error = caught(() => nextState(state, move));
    expect(error.code).toBe("STATE_CONFLICT");
    expect(error.message).toMatch(`The move "${move}" is not possible while the plugin is ${state}; possible moves: `);
    expect(error.members).toEqual({ state, move, allowedMoves: expect.arrayContaining(allowed) });
    expect(error.members?.["allowedMoves"]).toHaveLength(allowed.length);
  });

  test("the refusal reads as one sentence", () => {
    expect(caught(() => nextState("quarantined", "activate")).message).toBe(
      'The move "activate" is not possible while the plugin is quarantined; possible moves: release, uninstall.',
    );
  });

  test("every move has an event of the catalogue, and every state leads on", () => {
    for (const spec of Object.values(PLUGIN_MOVES)) expect(EVENTS).toHaveProperty([spec.event]);
    for (const state of Object.keys(PLUGIN_LIFE) as PluginState[]) expect(allowedMoves(state)).not.toEqual([]);
  });

  test.each<[PluginState, PluginMove, boolean]>([
    ["active", "activate", true],
    ["inactive", "deactivate", true],
    ["installed", "deactivate", false],
    ["active", "update", false],
  ])("in %s the move %s is already done: %s", (state, move, done) => {
    expect(isAlreadyDone(state, move)).toBe(done);
  });
});

describe("instance states", () => {
  test.each(instancePairs.filter(([, , to]) => to !== undefined))("%s allows %s and becomes %s", (state, move, to) => {
    expect(nextInstanceState(state, move)).toBe(to);
  });

  test.each(instancePairs.filter(([, , to]) => to === undefined))("%s refuses %s", (state, move) => {
    const error = caught(() => nextInstanceState(state, move));
    expect(error.code).toBe("STATE_CONFLICT");
    expect(error.message).toMatch(`The move "${move}" is not possible while the instance is ${state}; `);
    expect(error.members).toMatchObject({ state, move });
  });
});
