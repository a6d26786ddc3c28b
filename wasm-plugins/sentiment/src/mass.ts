/** What one sentence, or all sentences of a text together, say. */
export class Mass {
  /** Sum of the valences, emphasis included. */
  sum: f64 = 0;
  /** What speaks for and against, both ≥ 0, each word or symbol counting its valence plus one. */
  positive: f64 = 0;
  negative: f64 = 0;
  /** Words that say neither. */
  neutral: f64 = 0;
  words: i32 = 0;
  /** Frequent words of English among them. */
  common: i32 = 0;

  clear(): void {
    this.sum = 0;
    this.positive = 0;
    this.negative = 0;
    this.neutral = 0;
    this.words = 0;
    this.common = 0;
  }

  add(other: Mass): void {
    this.sum += other.sum;
    this.positive += other.positive;
    this.negative += other.negative;
    this.neutral += other.neutral;
    this.words += other.words;
    this.common += other.common;
  }
}
