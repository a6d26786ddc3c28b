/**
 * Version of all that this file says. Modules of every rewriter of one version are called alike, so those made before and
 * after a deploy run side by side (docs/decisions/0013). A change that a host of before, or a module of before, would not
 * understand is a new version: then the host has to know both for as long as modules of the older one are stored.
 */
export const METERING_ABI_VERSION = 1;

/**
 * What a metered module and its host agree on. The rewriter appends these exports; the host is the only other party.
 *
 * Entering the guest: set `__patchbay_fuel` to the budget and `__patchbay_depth` to the policy's call depth, then call
 * an export. After a normal return the fuel global holds what is left and the depth global what it was at entry.
 * After a trap or an exception the depth global holds anything, so a host sets both before every entry that does not
 * come from inside an import call. A re-entry from inside an import call shares fuel and depth by leaving both alone.
 *
 * In an import call the fuel global holds the true value. The host may lower it to charge for its own work; lowered
 * below zero, the guest stops at the instruction behind the call, and no exception handler of the guest sees that.
 * Throwing from an import is not a way to stop a guest: its `catch_all` would catch it.
 */
export const METERING_EXPORTS = {
  /** Mutable i64 global: fuel left. Holds {@link POISON_FUEL} while register-carried guest code runs. */
  fuel: "__patchbay_fuel",
  /** Mutable i32 global: call depth left; -1 where a call was refused for its depth. */
  depth: "__patchbay_depth",
  /** Mutable i32 global: pages of the last growth of a memory that was refused for its maximum; 0 where none was. */
  refusedPages: "__patchbay_refused_pages",
  /** Function without parameters and results: the start function, present only where the original had one. */
  start: "__patchbay_start",
} as const;

/**
 * Counters that the modules of a package share: mutable globals that the host makes and each module imports, appended to its
 * own imports in this order. Exported again under the names above where those have one. So a call from one module into
 * another goes from WASM to WASM like a call into an import that calls back: fuel and depth are where both look.
 */
export const METERING_IMPORTS = {
  module: "__patchbay",
  counters: [
    { name: "fuel", type: "i64" },
    { name: "depth", type: "i32" },
    { name: "refused_pages", type: "i32" },
    /** Pages by which the memories of all modules may still grow together. */
    { name: "spare_pages", type: "i32" },
  ],
} as const;

/** An original module that exports a name with this prefix is refused. */
export const RESERVED_EXPORT_PREFIX = "__patchbay_";

/**
 * Value of the fuel global while guest code runs. A trap leaves it behind, so nothing can run on afterwards. It is far
 * from any fuel a call can reach and cannot overflow when a charge is taken from it.
 */
export const POISON_FUEL = -(2n ** 62n);

const POISON_CEILING = -(2n ** 61n);

/**
 * - `ok`: the guest returned, or threw an exception of its own; the consumption is exact.
 * - `exhausted`: out of fuel.
 * - `depth`: calls nested deeper than the depth given.
 * - `poisoned`: the guest trapped; what it consumed is not known, so the whole budget counts as used.
 */
export type FuelState = "ok" | "exhausted" | "depth" | "poisoned";

/**
 * Tells why the guest is back, from the two globals. A module with the global backend, or a function with `try_table`,
 * keeps the exact fuel through a trap: then the state is `ok` and only the error thrown tells that it trapped.
 * @param fuel   value of the fuel global after the call
 * @param depth  value of the depth global after the call
 */
export function classifyFuel(fuel: bigint, depth: number): FuelState {
  if (fuel <= POISON_CEILING) return "poisoned";
  if (depth < 0) return "depth";
  return fuel < 0n ? "exhausted" : "ok";
}

/**
 * What a module rewritten for profiling exports beside {@link METERING_EXPORTS}. Before the first entry the host puts the
 * profile kernel's functions into the table, in the order of {@link PROFILE_HOOKS}; functions go by the original's indices,
 * counted from the policy's first function.
 */
export const PROFILE_EXPORTS = {
  /** Table of as many functions as there are hooks. */
  hooks: "__patchbay_profile_hooks",
  /** Mutable i64 global: fuel left when it was last taken, which outlives a trap. */
  fuel: "__patchbay_profile_fuel",
} as const;

/** Exports of the profile kernel (worker/execution/sandbox/profile-kernel.wat); the position is the place in the table. */
export const PROFILE_HOOKS = ["enter", "leave", "resume", "leaf"] as const;
