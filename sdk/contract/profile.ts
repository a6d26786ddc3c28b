/** Where the fuel of one call went, as it leaves the plugin's isolate. Structured-clonable data only. */
export interface CallProfile {
  /** Fuel in the tree: what the call used, up to the trap where it trapped. */
  readonly fuel: number;
  readonly paths: CallPaths;
  readonly functions: FunctionTotals;
}

/** Call paths, in columns; a parent stands before its children. The first is the call as a whole, with parent 0. */
export interface CallPaths {
  /** Index in the original module, or one of {@link PROFILE_FUNCTIONS}. */
  readonly functions: Int32Array;
  readonly parents: Int32Array;
  /** Fuel of the path itself, without what it called. */
  readonly self: Float64Array;
  readonly calls: Float64Array;
}

/** Sums of functions over all paths, in columns; right even where paths were not kept. Functions never called are left out. */
export interface FunctionTotals {
  readonly functions: Int32Array;
  readonly self: Float64Array;
  readonly calls: Float64Array;
}

/** What stands in place of a function's index. */
export const PROFILE_FUNCTIONS = {
  /** The call as a whole. */
  call: -1,
  /** Everything below a path that was not kept: see {@link PROFILE_LIMITS}. */
  remainder: -2,
} as const;

/** Built into the profile kernel. */
export const PROFILE_LIMITS = { paths: 32_767, depth: 512 } as const;
