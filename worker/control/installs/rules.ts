import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { EventType } from "../../../sdk/contract/events.ts";

/**
 * The life of a plugin at a tenant. `pending` lasts while an upload is checked and `validated` until it is installed;
 * the others are states of an install. A removed install stays as a row in `uninstalled`.
 */
export type PluginState =
  "pending" | "validated" | "installed" | "active" | "inactive" | "error" | "quarantined" | "uninstalled";

/** States that a row of plugin_instances can hold. */
export type InstallState = Exclude<PluginState, "pending" | "validated">;

interface PluginMoveSpec {
  readonly from: readonly PluginState[];
  /** `same`: the move changes the install, not its state. */
  readonly to: PluginState | "same";
  readonly event: EventType;
}

/** Every move there is. What is quarantined is evidence: it cannot be changed before it is released. */
export const PLUGIN_MOVES = {
  validate: { from: ["pending"], to: "validated", event: "package.uploaded" },
  install: { from: ["validated"], to: "installed", event: "plugin.installed" },
  reinstall: { from: ["uninstalled"], to: "installed", event: "plugin.installed" },
  activate: { from: ["installed", "inactive"], to: "active", event: "plugin.activated" },
  deactivate: { from: ["active", "error"], to: "inactive", event: "plugin.deactivated" },
  update: { from: ["installed", "active", "inactive", "error"], to: "same", event: "plugin.updated" },
  fail: { from: ["installed", "active", "inactive"], to: "error", event: "plugin.failed" },
  recover: { from: ["error"], to: "active", event: "plugin.recovered" },
  quarantine: { from: ["installed", "active", "inactive", "error"], to: "quarantined", event: "plugin.quarantined" },
  release: { from: ["quarantined"], to: "inactive", event: "plugin.released" },
  uninstall: {
    from: ["installed", "active", "inactive", "error", "quarantined"],
    to: "uninstalled",
    event: "plugin.uninstalled",
  },
} as const satisfies Record<string, PluginMoveSpec>;

export type PluginMove = keyof typeof PLUGIN_MOVES;
const PLUGIN_MOVE_NAMES = Object.keys(PLUGIN_MOVES) as PluginMove[]; // Object.keys loses the key type

/** Moves that the state allows, in the order of the table. */
export function allowedMoves(state: PluginState): readonly PluginMove[] {
  return PLUGIN_MOVE_NAMES.filter((move) => (PLUGIN_MOVES[move].from as readonly PluginState[]).includes(state));
}

/** @throws {PlatformError} STATE_CONFLICT naming state, move and the moves that are allowed */
export function nextState(state: PluginState, move: PluginMove): PluginState {
  const allowed = allowedMoves(state);
  if (!allowed.includes(move)) throw stateConflict("plugin", state, move, allowed);
  const { to } = PLUGIN_MOVES[move];
  return to === "same" ? state : to;
}

/** True where the move would lead to the state that holds already: repeating it changes nothing. */
export function isAlreadyDone(state: PluginState, move: PluginMove): boolean {
  return PLUGIN_MOVES[move].to === state;
}

/** The life of one running instance of an active install, from `initialize` to `stop`. */
export type InstanceState = "initializing" | "initialized" | "starting" | "running" | "stopping" | "stopped" | "error";

interface InstanceMoveSpec {
  readonly from: readonly InstanceState[];
  readonly to: InstanceState;
}

export const INSTANCE_MOVES = {
  initialized: { from: ["initializing"], to: "initialized" },
  start: { from: ["initialized", "stopped"], to: "starting" },
  started: { from: ["starting"], to: "running" },
  stop: { from: ["starting", "running"], to: "stopping" },
  stopped: { from: ["stopping"], to: "stopped" },
  fail: { from: ["initializing", "starting", "running", "stopping"], to: "error" },
  reset: { from: ["error", "stopped"], to: "initializing" },
} as const satisfies Record<string, InstanceMoveSpec>;

export type InstanceMove = keyof typeof INSTANCE_MOVES;
const INSTANCE_MOVE_NAMES = Object.keys(INSTANCE_MOVES) as InstanceMove[]; // Object.keys loses the key type

export const FIRST_INSTANCE_STATE: InstanceState = "initializing";

export function allowedInstanceMoves(state: InstanceState): readonly InstanceMove[] {
  return INSTANCE_MOVE_NAMES.filter((move) => (INSTANCE_MOVES[move].from as readonly InstanceState[]).includes(state));
}

/** @throws {PlatformError} STATE_CONFLICT naming state, move and the moves that are allowed */
export function nextInstanceState(state: InstanceState, move: InstanceMove): InstanceState {
  const allowed = allowedInstanceMoves(state);
  if (!allowed.includes(move)) throw stateConflict("instance", state, move, allowed);
  return INSTANCE_MOVES[move].to;
}

function stateConflict(what: "plugin" | "instance", state: string, move: string, allowed: readonly string[]) {
  return new PlatformError(
    "STATE_CONFLICT",
    `The move "${move}" is not possible while the ${what} is ${state}; possible moves: ${allowed.join(", ") || "none"}.`,
    { members: { state, move, allowedMoves: allowed } },
  );
}
