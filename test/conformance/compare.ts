import { titleOf, type Case, type Expectation } from "./cases.ts";
import { clip, expectsFailure, faults, textOf, type Answer } from "./judge.ts";

/** Where the reference host answers otherwise than a plugin's author may expect. */
export interface Difference {
  readonly plugin: string;
  readonly title: string;
  readonly ours: string;
  readonly reference: string;
}

/** Codes, exit codes and our own sentences are not asked of another host; the guest's words, outputs and logs are. */
function asAnyHost({ code, output, outputMatches, outputSha256, says, logs }: Expectation): Expectation {
  return Object.fromEntries(
    Object.entries({ code, output, outputMatches, outputSha256, says, logs }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

/** @returns undefined where the reference host meets the case's expectation */
export function difference(plugin: string, one: Case, reference: Answer): Difference | undefined {
  const expected = asAnyHost(one.expect);
  const answer = { ...reference, failure: reference.failure && { ...reference.failure, code: one.expect.code ?? "" } };
  if (faults(answer, expected).length === 0) return undefined;
  const { logs, ...rest } = expected;
  const onlyLogs = faults(answer, rest).length === 0;
  return {
    plugin,
    title: titleOf(one),
    ours: onlyLogs ? describeLogs(logs ?? []) : describeExpectation(one.expect),
    reference: onlyLogs ? describeLogs(reference.logs) : describeAnswer(reference),
  };
}

function describeExpectation(expect: Expectation): string {
  if (expectsFailure(expect)) return [expect.code, expect.says ?? expect.error].filter(Boolean).join(": ");
  if (expect.output !== undefined) return outputText(expect.output);
  return expect.outputMatches === undefined ? "the expected bytes" : `output like \`${expect.outputMatches}\``;
}

function describeAnswer({ output, failure }: Answer): string {
  return failure === undefined ? outputText(textOf(output)) : `fails: ${clip(failure.detail, 90)}`;
}

function describeLogs(logs: Answer["logs"]): string {
  return `log: ${clip(logs.map(({ level, text }) => `${level} ${text}`).join(", ") || "empty", 90)}`;
}

function outputText(text: string): string {
  return text === "" ? "empty output" : `output \`${clip(JSON.stringify(text), 60)}\``;
}
