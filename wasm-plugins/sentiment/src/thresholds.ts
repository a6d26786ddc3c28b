import { config } from "../../../sdk/bindings/assemblyscript/index";

export const DEFAULT_POSITIVE: f64 = 0.2;
export const DEFAULT_NEGATIVE: f64 = -0.2;

/** From which score on a text counts as positive or negative; set by the install's configuration. */
export class Thresholds {
  positive: f64 = DEFAULT_POSITIVE;
  negative: f64 = DEFAULT_NEGATIVE;
  /** Empty where the configuration is good. */
  problem: string = "";
}

/** Reads `positive_threshold` (above 0, at most 1) and `negative_threshold` (at least -1, below 0). */
export function readThresholds(): Thresholds {
  const thresholds = new Thresholds();
  const positive = config("positive_threshold");
  if (positive !== null) {
    const value = parseDecimal(positive);
    if (value > 0 && value <= 1) thresholds.positive = value;
    else
      thresholds.problem = 'config positive_threshold must be a number above 0 and at most 1, found "' + positive + '"';
  }
  const negative = config("negative_threshold");
  if (negative !== null && thresholds.problem.length == 0) {
    const value = parseDecimal(negative);
    if (value < 0 && value >= -1) thresholds.negative = value;
    else
      thresholds.problem =
        'config negative_threshold must be a number below 0 and at least -1, found "' + negative + '"';
  }
  return thresholds;
}

/** Digits with at most one point and a minus sign; NaN for anything else, where `parseFloat` would read a part. */
function parseDecimal(text: string): f64 {
  const start = text.startsWith("-") ? 1 : 0;
  let digits = 0;
  let points = 0;
  for (let i = start; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c == 0x2e) points++;
    else if (c >= 0x30 && c <= 0x39) digits++;
    else return NaN;
  }
  return digits == 0 || digits > 15 || points > 1 ? NaN : parseFloat(text);
}
