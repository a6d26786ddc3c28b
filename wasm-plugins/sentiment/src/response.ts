import { Analyser, round4, SentenceSink, Verdict } from "./analysis";
import { JsonWriter } from "./json-writer";
import { Span } from "./sentences";

/** Sentences listed in the detailed answer of a call, over all its texts. */
export const MAX_SENTENCES: i32 = 1000;

/** Writes the sentences while they are found, into a text of their own that follows the verdict. */
class SentenceWriter extends SentenceSink {
  count: i32 = 0;
  /** Of the text at hand, and of all texts so far. */
  private listed: i32 = 0;
  private listedInAll: i32 = 0;

  constructor(readonly writer: JsonWriter) {
    super();
  }

  begin(): void {
    this.count = 0;
    this.listed = 0;
    this.writer.raw('"sentences":[');
  }

  take(text: string, span: Span, verdict: Verdict): void {
    this.count++;
    if (this.listedInAll == MAX_SENTENCES) return;
    this.listedInAll++;
    this.writer
      .raw(this.listed++ > 0 ? ',{"text":' : '{"text":')
      .part(text, span.start, span.end)
      .raw(",");
    writeVerdict(this.writer, verdict);
    this.writer.raw(',"start":').integer(span.start).raw(',"end":').integer(span.end).raw("}");
  }

  end(): void {
    this.writer.raw('],"sentenceCount":').integer(this.count).raw(",");
  }
}

/** Writes one JSON result after another. */
export class ResponseWriter {
  private readonly sentences: SentenceWriter;

  constructor(
    private readonly writer: JsonWriter,
    private readonly detailed: bool,
  ) {
    this.sentences = new SentenceWriter(writer);
  }

  /** Analyses a text and writes the result; `sentences` only where `detailed`. */
  write(text: string, analyser: Analyser): void {
    const writer = this.writer.raw("{");
    if (this.detailed) this.sentences.begin();
    const verdict = analyser.analyse(text, this.detailed ? this.sentences : null);
    if (this.detailed) this.sentences.end();
    writeVerdict(writer, verdict);
    const mass = analyser.total;
    const total = mass.positive + mass.negative + mass.neutral;
    const positive = total == 0 ? 0 : round4(mass.positive / total);
    const negative = total == 0 ? 0 : round4(mass.negative / total);
    writer.raw(',"positive":').fraction(positive).raw(',"negative":').fraction(negative);
    // What is left, so that the three add up to 1 after rounding too.
    writer.raw(',"neutral":').fraction(round4(1 - positive - negative));
    writer.raw(',"words":').integer(mass.words).raw("}");
  }
}

function writeVerdict(writer: JsonWriter, verdict: Verdict): void {
  writer.raw('"score":').fraction(verdict.score);
  writer.raw(',"label":').string(verdict.label);
  writer.raw(',"confidence":').fraction(verdict.confidence);
}
