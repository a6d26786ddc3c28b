/** Tests that tell a change from chance. Exact or with corrections for ties; no assumption of a normal distribution. */

/** Logarithm of n!, by addition up to a size and Stirling's series above (DLMF 5.11.1), exact to 1e-10. */
function logFactorial(n: number): number {
  if (n < 2) return 0;
  if (n < 16) {
    let product = 1;
    for (let factor = 2; factor <= n; factor++) product *= factor;
    return Math.log(product);
  }
  const x = n + 1;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3);
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/**
 * Fisher's exact test, one-sided: how likely it is that at least `failed` of `calls` fail where both samples fail at one rate.
 *
 * @param baseline  the sample that it is held against
 * @returns the p-value
 */
export function fisherGreater(
  recent: { readonly calls: number; readonly failed: number },
  baseline: { readonly calls: number; readonly failed: number },
): number {
  const all = recent.calls + baseline.calls;
  const failed = recent.failed + baseline.failed;
  const denominator = logChoose(all, recent.calls);
  let sum = 0;
  for (let count = recent.failed; count <= Math.min(failed, recent.calls); count++) {
    if (recent.calls - count > all - failed) continue;
    sum += Math.exp(logChoose(failed, count) + logChoose(all - failed, recent.calls - count) - denominator);
  }
  return Math.min(1, sum);
}

export interface RankTest {
  /** One-sided: that the first sample is not larger. */
  readonly pValue: number;
  /** Probability that a value of the first sample exceeds one of the second, ties counting half (Vargha and Delaney's A). */
  readonly superiority: number;
}

/**
 * Mann and Whitney's U test, one-sided, by the normal approximation with corrections for ties and continuity. Good from about
 * 20 values in each sample on.
 */
export function mannWhitneyGreater(recent: readonly number[], baseline: readonly number[]): RankTest {
  const [n, m] = [recent.length, baseline.length];
  const all = [...recent.map((value) => [value, 1] as const), ...baseline.map((value) => [value, 0] as const)];
  all.sort(([left], [right]) => left - right);
  let rankSum = 0;
  let ties = 0;
  for (let start = 0; start < all.length;) {
    let end = start;
    let own = 0;
    for (; end < all.length && all[end]?.[0] === all[start]?.[0]; end++) own += all[end]?.[1] ?? 0;
    const size = end - start;
    rankSum += (own * (start + 1 + end)) / 2;
    ties += size ** 3 - size;
    start = end;
  }
  const u = rankSum - (n * (n + 1)) / 2;
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  const superiority = u / (n * m);
  if (!(variance > 0)) return { pValue: 1, superiority };
  return { pValue: normalAbove((u - (n * m) / 2 - 0.5) / Math.sqrt(variance)), superiority };
}

/** Upper tail of the standard normal distribution (Abramowitz and Stegun 7.1.26 for small z, 26.2.12 beyond). */
export function normalAbove(z: number): number {
  if (z < 0) return 1 - normalAbove(-z);
  if (z > 3) {
    const inverse = 1 / (z * z);
    const series = 1 - inverse * (1 - 3 * inverse * (1 - 5 * inverse * (1 - 7 * inverse)));
    return (Math.exp(-z * z * 0.5) / (z * Math.sqrt(2 * Math.PI))) * series;
  }
  const x = z / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const polynomial = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return 0.5 * polynomial * Math.exp(-x * x);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
