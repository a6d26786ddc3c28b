/** Figures of a sample, in the sample's unit. These machines are noisy: quote medians and ratios within one run. */

export function quantile(sample: readonly number[], share: number): number {
  const sorted = [...sample].sort((left, right) => left - right);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error("an empty sample has no quantiles");
  return value;
}

export const median = (sample: readonly number[]): number => quantile(sample, 0.5);

export interface Figure {
  readonly name: string;
  readonly found: number;
  readonly unit: "x" | "ms" | "MB/s" | "s" | "errors";
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
  readonly reference: number[];
}
