import { ERRORS, type ErrorCode } from "../../../sdk/contract/errors.ts";
import type { JsonValue } from "../../../sdk/contract/config/json-values.ts";
import { jsonPointer, readJson } from "../../../sdk/contract/json-text.ts";
import type { Comparator } from "../../../sdk/contract/manifest-offers.ts";
import type { RecordedOutcome, RecordedOutput } from "../../execution/recording/recording.ts";
import type { CaseDifference, CaseReport } from "./upgrade-record.ts";

/** How a candidate's answer to a recorded call is judged. */

/** More fuel than recorded, in units, that is never held against a candidate: a fraction of a microsecond. */
const FUEL_SLACK = 10_000;
/** Places named of one output that differs. */
const PLACES_NAMED = 10;
/** What lies deeper is equal only where it is the same. */
const DEPTH = 32;

export interface JudgedCase {
  /** What the installed version answered. */
  readonly incumbent: RecordedOutcome;
  readonly candidate: RecordedOutcome;
  /** The first capability call that was not the recorded one, undefined where there was none. */
  readonly hostCalls: Pick<CaseDifference, "recorded" | "replayed"> | undefined;
  readonly comparator: Comparator;
  /** 0.25: a quarter more fuel is no difference. */
  readonly fuelBand: number;
}

/** Judges one call. The first of these holds: not comparable, fixed, different, same. */
export function judgeCase(judged: JudgedCase): Pick<CaseReport, "verdict" | "differences"> {
  const { incumbent, candidate, hostCalls, comparator, fuelBand } = judged;
  const [before, after] = [incumbent.failure?.code ?? null, candidate.failure?.code ?? null];
  if (hostCalls) return { verdict: "not-comparable", differences: [{ what: "hostCalls", ...hostCalls }] };
  const failure: CaseDifference = { what: "failure", recorded: before, replayed: after };
  if (isPlatforms(before) || isPlatforms(after)) return { verdict: "not-comparable", differences: [failure] };
  if (before !== null && after === null) return { verdict: "fixed", differences: [failure] };
  if (before !== after) return { verdict: "different", differences: [failure] };
  const differences = after === null ? outputDifference(incumbent.output, candidate.output, comparator) : [];
  const [fuel, used] = [incumbent.usage.fuel, candidate.usage.fuel];
  if (used > fuel * (1 + fuelBand) + FUEL_SLACK) differences.push({ what: "fuel", recorded: fuel, replayed: used });
  return { verdict: differences.length > 0 ? "different" : "same", differences };
}

/** Failures that say nothing of the plugin: the platform's, and a deadline, which is in real time. */
function isPlatforms(code: ErrorCode | null): boolean {
  return code !== null && (ERRORS[code].blame === "platform" || code === "WALL_CLOCK_EXCEEDED");
}

function outputDifference(
  before: RecordedOutput | undefined,
  after: RecordedOutput | undefined,
  comparator: Comparator,
): CaseDifference[] {
  if (before?.digest === after?.digest) return [];
  const documents = comparator === "exact" ? undefined : [readDocument(before), readDocument(after)];
  const [left, right] = documents ?? [];
  if (!left || !right) return [{ what: "output", recorded: nameOutput(before), replayed: nameOutput(after) }];
  const ignored = typeof comparator === "object" ? comparator.ignore : [];
  const places = differentPlaces(left.value, right.value, [], ignored);
  if (places.length === 0) return [];
  const named = places.slice(0, PLACES_NAMED).map((place) => place || "the whole");
  return [{ what: "output", recorded: nameOutput(before), replayed: `differs at ${named.join(", ")}` }];
}

/** Undefined where the output was not kept or is not JSON: then only its bytes can be compared. */
function readDocument(output: RecordedOutput | undefined): { readonly value: JsonValue } | undefined {
  const reading = output?.bytes && readJson(output.bytes);
  return reading && "value" in reading ? { value: reading.value as JsonValue } : undefined; // what JSON can hold
}

function differentPlaces(
  left: JsonValue | undefined,
  right: JsonValue | undefined,
  path: readonly (string | number)[],
  ignored: readonly string[],
): string[] {
  const place = jsonPointer([...path]);
  if (ignored.includes(place)) return [];
  if (path.length < DEPTH && isBranch(left) && isBranch(right) && Array.isArray(left) === Array.isArray(right)) {
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...names].flatMap((name) =>
      differentPlaces(childOf(left, name), childOf(right, name), [...path, name], ignored),
    );
  }
  return left === right ? [] : [place];
}

type Branch = Readonly<Record<string, JsonValue>> | readonly JsonValue[];

function isBranch(value: JsonValue | undefined): value is Branch {
  return typeof value === "object" && value !== null;
}

function childOf(branch: Branch, name: string): JsonValue | undefined {
  return Object.hasOwn(branch, name) ? (branch as Readonly<Record<string, JsonValue>>)[name] : undefined; // lists have their places as keys
}

function nameOutput(output: RecordedOutput | undefined): string | null {
  return output ? `sha256:${output.digest}, ${output.byteLength} bytes` : null;
}
