import type { ErrorCode } from "./errors.ts";

export type LimitUnit = "bytes" | "fuel" | "stack units" | "entries" | "rows" | "ms" | "calls";

/**
 * Every limit of a plugin call, once: default, largest value anybody may be given, unit, and the error that reports it.
 * `0` means zero, never "unlimited". Sizes are bytes unless the unit says otherwise.
 */
export interface LimitSpec {
  readonly default: number;
  readonly maximum: number;
  readonly unit: LimitUnit;
  readonly code: ErrorCode;
  readonly title: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  fuel: { default: 1e9, maximum: 100e9, unit: "fuel", code: "FUEL_EXHAUSTED", title: "weighted instructions per call" },
  memory: { default: 16 * MIB, maximum: 64 * MIB, unit: "bytes", code: "MEMORY_EXCEEDED", title: "linear memory" },
  tableEntries: {
    default: 65_536,
    maximum: 65_536,
    unit: "entries",
    code: "MODULE_UNSUPPORTED",
    title: "table entries",
  },
  callDepth: {
    default: 10_240,
    maximum: 10_240,
    unit: "stack units",
    code: "CALL_DEPTH_EXCEEDED",
    title: "stack of nested calls (an ordinary function takes about 2 units)",
  },
  kernelMemory: {
    default: 8 * MIB,
    maximum: 32 * MIB,
    unit: "bytes",
    code: "KERNEL_MEMORY_EXCEEDED",
    title: "input, output and variables held at once",
  },
  input: { default: 1 * MIB, maximum: 25 * MIB, unit: "bytes", code: "INPUT_TOO_LARGE", title: "input" },
  output: { default: 1 * MIB, maximum: 25 * MIB, unit: "bytes", code: "OUTPUT_TOO_LARGE", title: "output" },
  hostCalls: {
    default: 200,
    maximum: 10_000,
    unit: "calls",
    code: "HOST_CALLS_EXCEEDED",
    title: "capability calls per call",
  },
  wallClock: { default: 5_000, maximum: 30_000, unit: "ms", code: "WALL_CLOCK_EXCEEDED", title: "wall clock per call" },
  // Logs are cut, not refused: the outcome says `logsTruncated`.
  logs: { default: 64 * KIB, maximum: 64 * KIB, unit: "bytes", code: "PLUGIN_ERROR", title: "log text per call" },
} as const satisfies Record<string, LimitSpec>;

export type LimitName = keyof typeof LIMITS;

/** Built into the module when it is rewritten at upload: an install cannot change them afterwards. */
export const MODULE_LIMITS: ReadonlySet<LimitName> = new Set<LimitName>(["memory", "tableEntries"]);

/** The limits in force for one install or one call: every name with its value. */
export type Limits = { readonly [Name in LimitName]: number };

export const DEFAULT_LIMITS: Limits = Object.fromEntries(
  Object.entries(LIMITS).map(([name, spec]) => [name, spec.default]),
) as Limits; // Object.fromEntries loses the key type

/** Limits of a package and what may be in it. Sizes in bytes. */
export const PACKAGE_LIMITS = {
  /** The uploaded bytes: archive, or module and manifest together. */
  packageBytes: 50 * MIB,
  manifestBytes: 256 * KIB,
  /** Everything an archive holds once unpacked. */
  unpackedBytes: 64 * MIB,
  /** Unpacked size of one entry over its packed size; small entries (under 1 MiB unpacked) are exempt. */
  compressionRatio: 100,
  entries: 1_000,
  pathBytes: 255,
  /** Modules beside the main one. */
  linkedModules: 8,
  /** Files that the plugin may read, and bytes of all of them: they are in memory beside every call. */
  readableFiles: 500,
  readableFileBytes: 8 * MIB,
  /** All rewritten modules of a package must fit the runtime's 64 MiB of code for one isolate, with room for the host program. */
  rewrittenModuleBytes: 60 * MIB,
} as const;

export const WASM_PAGE_BYTES = 65_536;
