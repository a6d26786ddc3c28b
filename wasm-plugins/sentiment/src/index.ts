import { fail, outputBytes } from "../../../sdk/bindings/assemblyscript/index";
import { Analyser } from "./analysis";
import { JsonWriter } from "./json-writer";
import { EMOJI, EMOTICONS, ENTRIES } from "./lexicon.generated";
import { readAnalyzeRequest, readBatchRequest, Request } from "./request";
import { ResponseWriter } from "./response";
import { readThresholds, Thresholds } from "./thresholds";

// The collector of this runtime works only when asked, and only while no object is held on the stack: as the first
// thing of a call. A fresh instance has nothing to collect; a reused one drops what the call before left.

/** One text in, one result out. */
export function analyze(): i32 {
  __collect();
  return answer(readAnalyzeRequest(), false);
}

/** Many texts in, as many results out, in the same order. */
export function batch(): i32 {
  __collect();
  return answer(readBatchRequest(), true);
}

function answer(request: Request, list: bool): i32 {
  if (request.problem.length > 0) return fail(request.problem);
  const thresholds = readThresholds();
  if (thresholds.problem.length > 0) return fail(thresholds.problem);
  const analyser = new Analyser(thresholds);
  const writer = new JsonWriter();
  const response = new ResponseWriter(writer, request.detailed);
  if (list) writer.raw("[");
  for (let i = 0; i < request.texts.length; i++) {
    if (i > 0) writer.raw(",");
    response.write(request.texts[i], analyser);
  }
  if (list) writer.raw("]");
  outputBytes(writer.finish());
  return 0;
}

/** Healthy when the configuration is valid and a sentence of each kind gets its label. */
export function health_check(): i32 {
  __collect();
  const thresholds = readThresholds();
  if (thresholds.problem.length > 0) return fail(thresholds.problem);
  const samples = ["This is wonderful.", "This is terrible.", "This is a table."];
  const labels = ["positive", "negative", "neutral"];
  const analyser = new Analyser(new Thresholds());
  for (let i = 0; i < samples.length; i++) {
    const label = analyser.analyse(samples[i], null).label;
    if (label != labels[i]) return fail('self test: "' + samples[i] + '" must be ' + labels[i] + ", found " + label);
  }
  const writer = new JsonWriter().raw(
    '{"status":"healthy","plugin":"sentiment","version":"1.0.0","lexicon":{"entries":',
  );
  writer.integer(ENTRIES).raw(',"emoji":').integer(EMOJI).raw(',"emoticons":').integer(EMOTICONS).raw("}}");
  outputBytes(writer.finish());
  return 0;
}
