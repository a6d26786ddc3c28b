import { bytesText } from "../inspection/inspection-text.ts";
import type { LocalReplay, ReplayedRun } from "./replay.ts";

type Row = readonly [string, string];
const SHOWN_CHARACTERS = 2_000;

/** Rows of a table: what ran, and how both runs ended. */
export function replayRows(replay: LocalReplay): Row[] {
  const { pluginId, version, functionName, capturedFor, sameModule, recorded, replayed } = replay;
  return [
    ["execution", replay.executionId],
    ["plugin", `${pluginId} ${version}, function ${functionName}`],
    ["recorded", capturedFor === "failure" ? "because it failed" : "as a sample of good calls"],
    ["module", sameModule ? "the one that ran" : "another build than the one that ran"],
    ["output", outputText(replayed)],
    ["fuel", String(replayed.fuel)],
    ["same", replay.same ? "yes: output, fuel, failure, logs and capability calls" : "no"],
    ...(replay.same ? [] : [["output then", outputText(recorded)] as const]),
  ];
}

/** What came out otherwise, a line each. */
export function differenceLines({ differences }: LocalReplay): string[] {
  return differences.map(({ what, recorded, replayed, because }) => {
    const why = because === undefined ? "" : ` (${because})`;
    return `${what}: recorded ${recorded ?? "nothing"}, replayed ${replayed ?? "nothing"}${why}`;
  });
}

/** The same as JSON, with outputs as text where they are text. */
export function replayJson({ recorded, replayed, ...rest }: LocalReplay): object {
  return { ...rest, recorded: runJson(recorded), replayed: runJson(replayed) };
}

function runJson({ output, ...run }: ReplayedRun): object {
  if (!output) return { ...run, output };
  const { bytes, ...size } = output;
  const text = bytes && textOf(bytes);
  return { ...run, output: { ...size, ...(text === undefined ? {} : { text }) } };
}

function outputText({ output, failure }: ReplayedRun): string {
  if (failure) return `${failure.code}: ${failure.detail}`;
  if (!output) return "none";
  const text = output.bytes && textOf(output.bytes);
  if (text === undefined || text.length > SHOWN_CHARACTERS) {
    return `${bytesText(output.byteLength)}, SHA-256 ${output.digest}`;
  }
  return text;
}

/** Undefined for bytes that are no UTF-8. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
