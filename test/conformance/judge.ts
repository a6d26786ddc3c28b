import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { LogLine } from "../../sdk/contract/sandbox.ts";
import type { Expectation } from "./cases.ts";

/** What any host says about a call. Codes are our host's own. */
export interface Answer {
  readonly output: Uint8Array | undefined;
  readonly failure: { readonly code?: string; readonly detail: string; readonly exitCode?: number } | undefined;
  readonly logs: readonly LogLine[];
}

export function textOf(output: Uint8Array | undefined): string {
  return new TextDecoder().decode(output ?? new Uint8Array());
}

/** @returns what is not as expected, one sentence each */
export function faults(answer: Answer, expected: Expectation): readonly string[] {
  return [...outcomeFaults(answer, expected), ...logFaults(answer.logs, expected.logs)];
}

function outcomeFaults({ output, failure }: Answer, expected: Expectation): readonly string[] {
  if (!expectsFailure(expected)) {
    if (failure !== undefined) return [`failed: ${[failure.code, clip(failure.detail)].filter(Boolean).join(" ")}`];
    return outputFaults(output ?? new Uint8Array(), expected);
  }
  if (failure === undefined) return [`succeeded with the output ${clip(JSON.stringify(textOf(output)))}`];
  const { code, error, errorMatches, says, exitCode } = expected;
  return [
    ...(code === undefined || failure.code === code ? [] : [`the code is ${failure.code}, not ${code}`]),
    ...(error === undefined || failure.detail === error ? [] : [`the error is ${clip(failure.detail)}`]),
    ...(errorMatches === undefined || new RegExp(errorMatches, "s").test(failure.detail)
      ? []
      : [`the error is ${clip(failure.detail)}`]),
    ...(says === undefined || failure.detail.includes(says) ? [] : [`the error is ${clip(failure.detail)}`]),
    ...(exitCode === failure.exitCode ? [] : [`the exit code is ${failure.exitCode}, not ${exitCode}`]),
  ];
}

export function expectsFailure({ code }: Expectation): boolean {
  return code !== undefined;
}

function outputFaults(output: Uint8Array, expected: Expectation): readonly string[] {
  const text = textOf(output);
  const { outputMatches, outputSha256 } = expected;
  const wrong =
    (expected.output !== undefined && text !== expected.output) ||
    (outputMatches !== undefined && !new RegExp(`^(?:${outputMatches})$`, "s").test(text)) ||
    (outputSha256 !== undefined && createHash("sha256").update(output).digest("hex") !== outputSha256);
  return wrong ? [`the output is ${clip(JSON.stringify(text))} (${output.byteLength} bytes)`] : [];
}

function logFaults(logs: readonly LogLine[], expected: Expectation["logs"]): readonly string[] {
  if (expected === undefined || isDeepStrictEqual(logs, expected)) return [];
  return [`the log is ${clip(logs.map(({ level, text }) => `${level}: ${text}`).join(" | ") || "empty", 120)}`];
}

/** Short enough for a line of a report, on one line. */
export function clip(text: string, length = 100): string {
  const line = text
    .replaceAll(/\s+/g, " ")
    .trim()
    .replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
