/**
 * What the guest pays, in fuel units, for work the host does on its behalf in JavaScript. The prices keep each
 * import under about 1 ns for a unit, as the rewriter's table does for instructions, so that no import is a cheaper way to
 * burn time than a loop. Kernel functions are WASM and constant-time: the rewriter's flat price
 * for a call of an import covers them. Work is paid before it is done.
 */
export const HOST_COSTS = {
  /** Crossing into JavaScript and back, with a look at the clock. */
  call: 2_000,
  /** Asking the worker, which answers from another isolate; what the capability does is its own quota's business. */
  capability: 20_000,
  /** Decoding or copying one byte of a key, a value or a configuration entry. */
  copiedByte: 4,
  /** Setting a variable, which the host has to keep. */
  variable: 4_000,
  /** One byte of the random stream. */
  randomByte: 80,
  /** One buffer of a scattered read or write. */
  buffer: 600,
  /** One subscription of a poll. */
  subscription: 2_000,
  /** Opening a file, of which the host keeps a record. */
  descriptor: 2_000,
  /** One byte of a path; every second may be a name to look up. */
  pathByte: 40,
  /** One entry of a folder's listing, beside its bytes. */
  folderEntry: 1_000,
} as const;
