import { Mass } from "./mass";
import { Thresholds } from "./thresholds";

/** A label with the least margin, and what full margin and agreement add. */
const LEAST_POLAR: f64 = 0.6;
const POLAR_RANGE: f64 = 0.38;
/** No word of the lexicon: facts, but also opinions that only knowledge of the world reveals. */
const NO_EVIDENCE: f64 = 0.58;
/** Weak or balanced evidence: from the threshold to a score of 0. */
const LEAST_NEUTRAL: f64 = 0.35;
const NEUTRAL_RANGE: f64 = 0.2;
/** A text of this many words with a smaller share of frequent English ones is probably not English. */
const LANGUAGE_WORDS: i32 = 5;
const COMMON_SHARE: f64 = 0.2;
const UNKNOWN_LANGUAGE: f64 = 0.2;

/** How likely the label is right, 0 … 1. README.md has the formula and how well it holds on the labelled sentences. */
export function confidence(score: f64, mass: Mass, thresholds: Thresholds): f64 {
  const evidence = mass.positive + mass.negative;
  const foreign = mass.words >= LANGUAGE_WORDS && <f64>mass.common < COMMON_SHARE * <f64>mass.words;
  if (evidence == 0) return foreign || mass.words == 0 ? UNKNOWN_LANGUAGE : NO_EVIDENCE;
  const threshold = score >= 0 ? thresholds.positive : -thresholds.negative;
  const size = Math.abs(score);
  if (size < threshold) return LEAST_NEUTRAL + NEUTRAL_RANGE * (1 - size / threshold);
  const margin = threshold < 1 ? (size - threshold) / (1 - threshold) : 1;
  const agreement = Math.abs(mass.positive - mass.negative) / evidence;
  return LEAST_POLAR + POLAR_RANGE * agreement * Math.sqrt(margin);
}
