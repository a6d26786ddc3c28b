/**
 * What the guest pays, in fuel units, for work the host does on its behalf in JavaScript. A unit stands for about 0.1 ns of the
 * slowest machine, as in the rewriter's table; the prices are the measured time rounded up, so that no import lets a guest
 * buy time below the price of its own instructions. Kernel functions are WASM and constant-time: the rewriter's flat price
 * for a call of an import covers them. Work is paid before it is done.
 */
export const HOST_COSTS = {
  /** Crossing into JavaScript and back, with a look at the clock. */
  call: 1_000,
  /** Decoding or copying one byte of a key, a value or a configuration entry. */
  copiedByte: 10,
  /** One byte of the random stream. */
  randomByte: 50,
  /** One buffer of a scattered write. */
  buffer: 300,
  /** One subscription of a poll. */
  subscription: 2_000,
} as const;
