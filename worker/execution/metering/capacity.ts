import type { SizeLimits } from "./module.ts";
import { WasmRefusal } from "./refusal.ts";

/** A memory or table, and whether the host brings it. */
interface Growable extends SizeLimits {
  readonly imported: boolean;
}

/**
 * Maxima that together stay within a cap. Each keeps its own maximum where the sum allows it; otherwise those that may
 * grow share what the minima leave, evenly. Imported ones count with their minimum and keep their maximum, because
 * only the host can limit what it brings.
 * @param cap   pages of all memories together, or elements of all tables together
 * @param noun  `memory pages` or `table elements`, for the message
 * @returns one maximum for each, in order; Infinity for an imported one without
 */
export function maximaWithin(items: readonly Growable[], cap: number, noun: string): number[] {
  const minimum = items.reduce((sum, item) => sum + item.minimum, 0);
  if (minimum > cap) {
    throw new WasmRefusal("WASM_LIMIT", `the module starts with ${minimum} ${noun}, the limit is ${cap}`, 0);
  }
  const growth = items.map((item) => (item.imported ? 0 : (item.maximum ?? Infinity) - item.minimum));
  const spare = cap - minimum;
  const fits = growth.reduce((sum, part) => sum + part, 0) <= spare;
  const share = fits ? Infinity : Math.floor(spare / growth.filter((part) => part > 0).length);
  return items.map((item, at) => {
    if (item.imported) return item.maximum ?? Infinity;
    return item.minimum + Math.min(growth[at] ?? 0, share);
  });
}
