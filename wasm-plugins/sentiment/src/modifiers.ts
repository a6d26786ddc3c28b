import { boost, CONCEDE, CONTRAST, has, hasValence, negates, NOUN_NEGATOR, REMEDY, valence } from "./lexicon";
import { ELONGATED } from "./tokens";
import { Units } from "./units";
import {
  BOOST_DECAY,
  ELONGATED_BOOST,
  NEGATED_BLAME,
  NEGATED_BOOST,
  NEGATED_PRAISE,
  NEGATION_REACH,
  NOUN_NEGATION_REACH,
  VERB_NEGATION_REACH,
} from "./weights";

/** "pretty good", "damn slow": an entry that can be both modifies when a valence follows at once. */
export function actsAsBooster(units: Units, at: i32): bool {
  if (boost(units.entries[at]) == 0 || at + 1 >= units.length) return false;
  const next = units.entries[at + 1];
  return next >= 0 && hasValence(next) && valence(next) != 0;
}

/** Looks back from a valence over the modifiers that reach it. @returns the valence as they leave it */
export function modified(units: Units, at: i32, value: f64): f64 {
  let factor: f64 = 1;
  let boosted = false;
  let boosting = true;
  let distance = 0;
  for (let i = at - 1; i >= 0 && distance <= NEGATION_REACH && !stopsReach(units, i); i--) {
    const entry = units.entries[i];
    // "never fixed the crash": the negator is the remedy's, and the crash stays.
    if (value < 0 && units.is(i, REMEDY)) break;
    if (entry >= 0) {
      const turn = negation(entry, distance);
      if (turn > 0) return negated(value, factor, boosted ? turn * NEGATED_BOOST : turn);
      if (boosting && distance < BOOST_DECAY.length && boosts(units, i)) {
        factor *= 1 + boost(entry) * strength(units.marks[i]) * BOOST_DECAY[distance];
        boosted = boost(entry) > 0;
        continue;
      }
      if (hasValence(entry)) boosting = false;
    }
    if (units.isContent(i)) distance++;
  }
  return value * factor;
}

function boosts(units: Units, at: i32): bool {
  return boost(units.entries[at]) != 0 && (!hasValence(units.entries[at]) || actsAsBooster(units, at));
}

function strength(marks: u8): f64 {
  return (marks & ELONGATED) != 0 ? ELONGATED_BOOST : 1;
}

/** @returns how far the entry turns round what follows `distance` content words later; 0 where it does not */
function negation(entry: i32, distance: i32): f64 {
  return has(entry, NOUN_NEGATOR) && distance > NOUN_NEGATION_REACH ? 0 : negates(entry);
}

/** A dampener stays in force under a negator; an intensifier does not, its effect is in `turn`. */
function negated(value: f64, factor: f64, turn: f64): f64 {
  return -value * min(factor, 1) * turn * (value > 0 ? NEGATED_PRAISE : NEGATED_BLAME);
}

/** Nothing reaches over a clause break, a "but" or an "although". */
export function stopsReach(units: Units, at: i32): bool {
  return units.isBreak(at) || units.is(at, CONTRAST) || units.is(at, CONCEDE);
}

/** @returns the unit that negates the verb at `at`, or -1 */
export function negatorBefore(units: Units, at: i32): i32 {
  let distance = 0;
  for (let i = at - 1; i >= 0 && distance <= VERB_NEGATION_REACH && !stopsReach(units, i); i--) {
    const entry = units.entries[i];
    if (entry >= 0 && negates(entry) > 0) return i;
    if (units.isContent(i)) distance++;
  }
  return -1;
}
