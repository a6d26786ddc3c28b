import { inOrder, PRIORITY } from "../../../sdk/contract/hooks.ts";
import { LIFECYCLE_FUNCTIONS } from "../../../sdk/contract/manifest-offers.ts";
import type { SnapshotInstall } from "../../execution/snapshot.ts";
import { INSTANCE_MOVES, type InstanceMove, type InstanceState } from "../installs/rules.ts";

/** When lifecycle functions are called, and what each does to the state of the instance. */

/** Where the manifest says nothing, and longest that a function may take. Milliseconds. */
const TIMEOUT = 5_000;

/** One function of a lifecycle, with the moves before and after it. */
export interface LifecycleStep {
  readonly before: InstanceMove | undefined;
  readonly functionName: string;
  readonly after: InstanceMove;
}

const INITIALIZE: LifecycleStep = {
  before: undefined,
  functionName: LIFECYCLE_FUNCTIONS.initialize,
  after: "initialized",
};
const START: LifecycleStep = { before: "start", functionName: LIFECYCLE_FUNCTIONS.start, after: "started" };
const STOP: LifecycleStep = { before: "stop", functionName: LIFECYCLE_FUNCTIONS.stop, after: "stopped" };

export type LifecyclePhase = "start" | "stop";
export const LIFECYCLE_STEPS: Readonly<Record<LifecyclePhase, readonly LifecycleStep[]>> = {
  start: [INITIALIZE, START],
  stop: [STOP],
};

/** True where the plugin has something to call: only then does the log tell of its instance. */
export function hasLifecycle({ functions }: Pick<SnapshotInstall, "functions">): boolean {
  const { initialize, start, stop } = LIFECYCLE_FUNCTIONS;
  return [initialize, start, stop].some((name) => functions.includes(name));
}

/** Active installs with a lifecycle, in the order in which a phase calls them: infrastructure starts first and stops last. */
export function lifecycleOrder(
  installs: readonly SnapshotInstall[],
  phase: LifecyclePhase,
): readonly SnapshotInstall[] {
  const ordered = installs
    .filter((install) => install.state === "active" && hasLifecycle(install))
    .map((install) => ({
      install,
      pluginId: install.pluginId,
      class: install.lifecycle?.class ?? ("business" as const),
      priority: install.lifecycle?.priority ?? PRIORITY.default,
    }))
    .toSorted(inOrder)
    .map(({ install }) => install);
  return phase === "start" ? ordered : ordered.toReversed();
}

/** Milliseconds that each function may take. */
export function lifecycleTimeout({ lifecycle, limits }: SnapshotInstall): number {
  return Math.min(lifecycle?.timeoutMs ?? TIMEOUT, limits.wallClock);
}

/** The state after a move. */
export function stateAfter(move: InstanceMove): InstanceState {
  return INSTANCE_MOVES[move].to;
}
