import { console } from "./console.ts";
import { crypto, random } from "./random.ts";
import { performance } from "./performance.ts";
import { TextDecoder, TextEncoder } from "./text-encoding.ts";
import { TIMERS } from "./timers.ts";

/**
 * Globals that every plugin has, small enough to be there whether or not they are used. Comes before the author's code, some of
 * which looks for them while it is loaded. The larger ones are put in where they are named (sdk/plugin/globals/named.ts).
 */
Object.assign(globalThis, {
  self: globalThis,
  global: globalThis,
  console,
  crypto,
  performance,
  TextDecoder,
  TextEncoder,
  ...TIMERS,
});
Math.random = random;
