import { confidence } from "./confidence";
import { Mass } from "./mass";
import { normalise, scoreSentence } from "./scoring";
import { Sentences, Span } from "./sentences";
import { Thresholds } from "./thresholds";
import { tokenise, Tokens } from "./tokens";
import { groupUnits, Units } from "./units";

/** Score, label and confidence of a sentence or a text. */
export class Verdict {
  /** -1 … +1, rounded to four decimals. */
  score: f64;
  label: string;
  /** 0 … 1, rounded to four decimals. */
  confidence: f64;

  constructor(mass: Mass, thresholds: Thresholds) {
    const score = round4(normalise(mass.sum));
    this.score = score;
    this.label = score >= thresholds.positive ? "positive" : score <= thresholds.negative ? "negative" : "neutral";
    this.confidence = round4(confidence(score, mass, thresholds));
  }
}

/** Receives the sentences of a detailed analysis. */
export abstract class SentenceSink {
  abstract take(text: string, span: Span, verdict: Verdict): void;
}

/** The working memory of a call: every text goes through the same arrays, as nothing is freed before the call ends. */
export class Analyser {
  readonly total: Mass = new Mass();
  private readonly sentence: Mass = new Mass();
  private readonly tokens: Tokens = new Tokens();
  private readonly units: Units = new Units();

  constructor(private readonly thresholds: Thresholds) {}

  /** Scores every sentence, and the text from the sums of its sentences; `total` keeps what they say together. */
  analyse(text: string, sink: SentenceSink | null): Verdict {
    this.total.clear();
    const sentences = new Sentences(text);
    let speaking = 0;
    while (sentences.next()) {
      tokenise(text, sentences.span, this.tokens);
      groupUnits(this.tokens, this.units);
      scoreSentence(this.units, this.tokens, this.sentence);
      if (this.sentence.sum != 0) speaking++;
      this.total.add(this.sentence);
      if (sink !== null) sink.take(text, sentences.span, new Verdict(this.sentence, this.thresholds));
    }
    // Dividing by the root keeps long texts from always ending at ±1, while more sentences still say more than one.
    if (speaking > 1) this.total.sum /= Math.sqrt(<f64>speaking);
    return new Verdict(this.total, this.thresholds);
  }
}

/** To four decimals, and never -0. */
export function round4(value: f64): f64 {
  return Math.round(value * 10000) / 10000 + 0.0;
}
