import { ERRORS, type ErrorCode } from "../../../sdk/contract/errors.ts";
import type { LogLine } from "../../../sdk/contract/sandbox.ts";
import type { RecordedOutcome, RecordedOutput } from "./recording.ts";

/** One thing in which a replay came out otherwise. */
export interface Difference {
  readonly what: "output" | "fuel" | "failure" | "logs" | "hostCalls";
  readonly recorded: string | number | null;
  readonly replayed: string | number | null;
  /** Absent where nothing is known that would explain it: then the call was not deterministic, which is a finding. */
  readonly because?: string;
}

/** What the program that runs guests was, then and now. */
export interface Versions {
  readonly sandboxDigest: string;
  readonly rewriterVersion: string;
}

export interface Run {
  readonly versions: Versions;
  readonly outcome: RecordedOutcome;
}

/**
 * Compares capability calls, output bytes, fuel, failure code and logs; time and memory held are not promised to be equal.
 *
 * @param hostCalls  the first capability call that was not the recorded one, undefined where there was none
 */
export function compareRuns(
  recorded: Run,
  replayed: Run,
  hostCalls?: Pick<Difference, "recorded" | "replayed">,
): Difference[] {
  const because = explain(recorded, replayed);
  const [then, now] = [recorded.outcome, replayed.outcome];
  const found: Difference[] = [];
  const compare = (what: Difference["what"], before: Difference["recorded"], after: Difference["replayed"]): void => {
    if (before !== after) {
      found.push({ what, recorded: before, replayed: after, ...(because === undefined ? {} : { because }) });
    }
  };
  if (hostCalls) compare("hostCalls", hostCalls.recorded, hostCalls.replayed);
  compare("output", nameOutput(then.output), nameOutput(now.output));
  compare("fuel", then.usage.fuel, now.usage.fuel);
  compare("failure", then.failure?.code ?? null, now.failure?.code ?? null);
  compare("logs", ...firstDifferentLine(then, now));
  return found;
}

function explain(recorded: Run, replayed: Run): string | undefined {
  const codes = [recorded.outcome.failure?.code, replayed.outcome.failure?.code];
  const ofPlatform = codes.find((code) => code !== undefined && ERRORS[code].blame === "platform");
  if (ofPlatform !== undefined) return `${ofPlatform} was a failure of the platform, not of the plugin.`;
  if (codes.includes("WALL_CLOCK_EXCEEDED" satisfies ErrorCode)) {
    return "The deadline is in real time, which a replay does not repeat.";
  }
  const reasons = [
    usedBefore(recorded.outcome),
    changed("sandbox build", recorded.versions.sandboxDigest, replayed.versions.sandboxDigest),
    changed("rewriter version", recorded.versions.rewriterVersion, replayed.versions.rewriterVersion),
  ].filter((reason) => reason !== undefined);
  return reasons.length > 0 ? reasons.join(" ") : undefined;
}

function changed(name: string, before: string, after: string): string | undefined {
  return before === after ? undefined : `It was recorded with ${name} ${before} and replayed with ${after}.`;
}

function usedBefore({ instanceCall = 1 }: RecordedOutcome): string | undefined {
  if (instanceCall === 1) return undefined;
  return `It was call ${instanceCall} of an instance that is kept between calls, and a replay begins with a new one.`;
}

function nameOutput(output: RecordedOutput | undefined): string | null {
  return output ? `sha256:${output.digest}, ${output.byteLength} bytes` : null;
}

/** The first line that differs on either side; null where a side has no more lines. */
function firstDifferentLine(then: RecordedOutcome, now: RecordedOutcome): [string | null, string | null] {
  const lines = Math.max(then.logs.length, now.logs.length);
  for (let index = 0; index < lines; index++) {
    const [before, after] = [nameLine(then.logs[index], index), nameLine(now.logs[index], index)];
    if (before !== after) return [before, after];
  }
  return [nameCut(then.logsTruncated), nameCut(now.logsTruncated)];
}

function nameLine(line: LogLine | undefined, index: number): string | null {
  return line ? `line ${index + 1}: ${line.level} ${line.text}` : null;
}

function nameCut(truncated: boolean): string {
  return truncated ? "cut at the limit" : "complete";
}
