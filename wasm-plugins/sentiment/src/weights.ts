/** The constants of the method, in one place: set by judgement, checked on the `dev` split of labelled.jsonl only. */

/** Effect of an intensifier by the number of content words between it and what it intensifies. */
export const BOOST_DECAY: StaticArray<f64> = [1, 0.75, 0.5];
/** An elongated intensifier ("sooo") is stronger. */
export const ELONGATED_BOOST: f64 = 1.4;
export const ELONGATED_VALENCE: f64 = 1.15;
export const CAPITALS_VALENCE: f64 = 1.25;

/** Content words that a negator reaches over; `no` and `least` reach fewer. */
export const NEGATION_REACH: i32 = 3;
export const VERB_NEGATION_REACH: i32 = 2;
export const NOUN_NEGATION_REACH: i32 = 1;
/** "not good" is nearly as bad as "good" is good; "not bad" is only half as good as "bad" is bad. */
export const NEGATED_PRAISE: f64 = 0.75;
export const NEGATED_BLAME: f64 = 0.5;
/** "not very good" says less than "not good". */
export const NEGATED_BOOST: f64 = 0.65;
/** Words between blame and what ended it, and how much of the blame turns into praise. */
export const REMEDY_REACH: i32 = 2;
export const REMEDIED_BLAME: f64 = 0.5;
export const FAILED_SERVICE: f64 = -1.9;

export const BEFORE_CONTRAST: f64 = 0.6;
export const AFTER_CONTRAST: f64 = 1.3;
export const CONCEDED: f64 = 0.5;

/** Each exclamation mark, up to three, adds this to the sentence's sum in its direction. */
export const EXCLAMATION: f64 = 0.35;
export const MAX_EXCLAMATIONS: i32 = 3;
/** A question asks more than it states. */
export const QUESTION: f64 = 0.5;
/** The second, third … time of one symbol counts this much of the one before. */
export const REPEATED_SYMBOL: f64 = 0.5;
/** Symbols before it that a symbol is compared with; more would add next to nothing. */
export const SYMBOL_MEMORY: i32 = 8;

/** Sum at which the score is 1/√2: score = sum / √(sum² + HALF_WAY²). */
export const HALF_WAY: f64 = 3.9;
