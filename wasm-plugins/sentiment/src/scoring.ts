import { COMMON, CONCEDE, CONTRAST, hasValence, negates, NOUN_NEGATOR, REMEDY, SERVICE, valence } from "./lexicon";
import { Mass } from "./mass";
import { actsAsBooster, modified, negatorBefore, stopsReach } from "./modifiers";
import { CAPITALS, ELONGATED, Tokens } from "./tokens";
import { Units } from "./units";
import {
  AFTER_CONTRAST,
  BEFORE_CONTRAST,
  CAPITALS_VALENCE,
  CONCEDED,
  ELONGATED_VALENCE,
  EXCLAMATION,
  FAILED_SERVICE,
  HALF_WAY,
  MAX_EXCLAMATIONS,
  QUESTION,
  REMEDIED_BLAME,
  REMEDY_REACH,
  REPEATED_SYMBOL,
  SYMBOL_MEMORY,
} from "./weights";

/** -1 … +1 from a sum of valences. */
export function normalise(sum: f64): f64 {
  return sum / Math.sqrt(sum * sum + HALF_WAY * HALF_WAY);
}

/** Scores the units of one sentence into `mass`. */
export function scoreSentence(units: Units, tokens: Tokens, mass: Mass): void {
  const mixedCase = tokens.capitalWords < tokens.longWords;
  // From the end: a symbol looks back at symbols whose values are still those of the lexicon.
  for (let i = units.length - 1; i >= 0; i--) units.values[i] = unitValue(units, i, mixedCase);
  turnRemedied(units);
  weighContrast(units);
  weighConcessions(units);
  mass.clear();
  mass.words = tokens.words;
  for (let i = 0; i < units.length; i++) addUnit(mass, units, i);
  mass.sum = emphasised(mass.sum, tokens);
}

function addUnit(mass: Mass, units: Units, at: i32): void {
  const value = units.values[at];
  mass.sum += value;
  if (value > 0) mass.positive += value + 1;
  else if (value < 0) mass.negative += 1 - value;
  else mass.neutral += units.words[at];
  if (units.is(at, COMMON)) mass.common++;
}

function emphasised(sum: f64, tokens: Tokens): f64 {
  const marks = min(tokens.exclamations, MAX_EXCLAMATIONS);
  if (sum > 0) sum += EXCLAMATION * marks;
  if (sum < 0) sum -= EXCLAMATION * marks;
  return tokens.questions == 1 && tokens.exclamations == 0 ? sum * QUESTION : sum;
}

function unitValue(units: Units, at: i32, mixedCase: bool): f64 {
  const entry = units.entries[at];
  if (units.isSymbol(at)) return repeated(units, at);
  if (entry < 0) return 0;
  if (!hasValence(entry)) return units.is(at, SERVICE) ? failedService(units, at) : 0;
  if (actsAsBooster(units, at)) return 0;
  let value = valence(entry);
  if (mixedCase && (units.marks[at] & CAPITALS) != 0) value *= CAPITALS_VALENCE;
  if ((units.marks[at] & ELONGATED) != 0) value *= ELONGATED_VALENCE;
  return modified(units, at, value);
}

/** The same symbol again in one run adds less each time. */
function repeated(units: Units, at: i32): f64 {
  let value = units.values[at];
  const oldest = max(at - SYMBOL_MEMORY, 0);
  for (let i = at - 1; i >= oldest && units.isSymbol(i); i--) {
    if (units.values[i] == units.values[at]) value *= REPEATED_SYMBOL;
  }
  return value;
}

/** A verb of service counts only where it is negated: "never arrived", "hardly works". */
function failedService(units: Units, at: i32): f64 {
  const negator = negatorBefore(units, at);
  return negator < 0 || units.is(negator, NOUN_NEGATOR) ? 0 : FAILED_SERVICE * negates(units.entries[negator]);
}

/** "the bug is gone", "fixed the leak": blame next to what ended it is praise, unless that did not happen. */
function turnRemedied(units: Units): void {
  for (let i = 0; i < units.length; i++) {
    if (!units.is(i, REMEDY) || negatorBefore(units, i) >= 0) continue;
    turnBlame(units, i, -1);
    turnBlame(units, i, 1);
  }
}

function turnBlame(units: Units, remedy: i32, step: i32): void {
  let distance = 0;
  for (
    let i = remedy + step;
    i >= 0 && i < units.length && distance <= REMEDY_REACH && !stopsReach(units, i);
    i += step
  ) {
    if (units.values[i] < 0 && units.isWord(i)) {
      units.values[i] *= -REMEDIED_BLAME;
      return;
    }
    if (units.isContent(i)) distance++;
  }
}

/** What follows the last "but" outweighs what came before, if both sides say something. */
function weighContrast(units: Units): void {
  const first = firstSpeaking(units);
  let after = false;
  for (let i = units.length - 1; i > first; i--) {
    if (units.is(i, CONTRAST) && after) {
      weigh(units, 0, i, BEFORE_CONTRAST);
      weigh(units, i + 1, units.length, AFTER_CONTRAST);
      return;
    }
    if (units.values[i] != 0) after = true;
  }
}

function firstSpeaking(units: Units): i32 {
  let i = 0;
  while (i < units.length && units.values[i] == 0) i++;
  return i;
}

/** Symbols keep their weight: they comment on the whole. */
function weigh(units: Units, from: i32, to: i32, weight: f64): void {
  for (let i = from; i < to; i++) if (units.isWord(i)) units.values[i] *= weight;
}

/** "although …" weighs less, up to the next comma. */
function weighConcessions(units: Units): void {
  let conceding = false;
  for (let i = 0; i < units.length; i++) {
    if (units.isBreak(i)) conceding = false;
    if (units.is(i, CONCEDE)) conceding = true;
    if (conceding && units.isWord(i)) units.values[i] *= CONCEDED;
  }
}
