/**
 * Finds the first bad version by halving.
 *
 * @param versions  oldest first; the first is known to be good and the last to be bad
 * @param isBad     holds a version against recorded calls
 * @returns the index of the first bad version, after about log2 of their number of tries
 */
export async function firstBad(versions: number, isBad: (index: number) => Promise<boolean>): Promise<number> {
  let [good, bad] = [0, versions - 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (await isBad(middle)) bad = middle;
    else good = middle;
  }
  return bad;
}
