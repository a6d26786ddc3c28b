/**
 * Whether calls of one install may share an instance of the plugin. `fresh`: each call has a new one, and nothing of it
 * remains. `warm`: after a call that ended well the instance is kept for a next call of the same install, with linear memory,
 * globals and variables as they are; initialisers run once.
 */
export const REUSE_MODES = ["fresh", "warm"] as const;
export type ReuseMode = (typeof REUSE_MODES)[number];

/** When a kept instance is dropped although its calls end well. */
export const REUSE_BOUNDS = {
  calls: 1_000,
  ageMs: 300_000,
  /** Share of its linear memory limit's room after the first call, and of kernel memory for variables, that it may take up. */
  share: 0.5,
  /** Instances kept in one isolate; more are in use only while calls overlap. */
  instances: 1,
} as const;
