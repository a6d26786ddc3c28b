/** Figures of a sample, in the sample's unit. These machines are noisy: quote medians and ratios within one run. */

export function quantile(sample: readonly number[], share: number): number {
  const sorted = [...sample].sort((left, right) => left - right);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error("an empty sample has no quantiles");
  return value;
}

export const median = (sample: readonly number[]): number => quantile(sample, 0.5);

/** What a thing costs by itself, on a machine that does other things too. For samples that are themselves means of many calls. */
export function fastest(sample: readonly number[]): number {
  return quantile(sample, 0);
}

export interface Figure {
  readonly name: string;
  readonly found: number;
  readonly unit: "x" | "ns" | "us" | "ms" | "KB" | "MB" | "MB/s" | "rows/s" | "s" | "errors" | "messages/s";
  /** What is promised: at most, or at least. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
  readonly note?: string;
}

export function showFigure({ name, found, unit, goal, note }: Figure): string {
  const promised = goal === undefined ? "" : "atMost" in goal ? `at most ${goal.atMost}` : `at least ${goal.atLeast}`;
  const verdict = goal === undefined ? "" : meets(found, goal) ? "met" : "MISSED";
  return `${name.padEnd(62)} ${found.toFixed(unit === "errors" ? 0 : 2).padStart(8)} ${unit.padEnd(6)} ${promised.padEnd(14)} ${verdict.padEnd(7)} ${note ?? ""}`.trimEnd();
}

function meets(found: number, goal: NonNullable<Figure["goal"]>): boolean {
  return "atMost" in goal ? found <= goal.atMost : found >= goal.atLeast;
}

/** Milliseconds per call of two hosts, one value per round. */
export interface HostTimes {
  readonly ours: number[];
  /** Ours, with an instance that is kept between calls. */
  readonly oursKept: number[];
  /** With a plugin object for each call. */
  readonly reference: number[];
  /** With one plugin object for all calls, which it cannot keep apart where they overlap; none where it takes one call only. */
  readonly referenceKept: number[];
}

/** Milliseconds per call of our host, one value per round. */
export interface SuspensionTimes {
  /** Of a plugin that may wait and does not. */
  readonly none: number[];
  /** That waits `suspensions` times for nothing. */
  readonly suspended: number[];
  /** That calls the host as often and is answered at once. */
  readonly stayed: number[];
  readonly suspensions: number;
}
