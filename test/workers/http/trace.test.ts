import { describe, expect, test } from "vitest";
import { traceIdOf } from "../../../worker/http/trace.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const FRESH = "ab".repeat(16);
const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(0xab);

describe("traceIdOf (W3C Trace Context §3.2)", () => {
  test.each([
    ["a valid header", `00-${TRACE}-${PARENT}-01`, TRACE],
    ["a header not sampled", `00-${TRACE}-${PARENT}-00`, TRACE],
    ["a later version with more fields", `01-${TRACE}-${PARENT}-01-more`, TRACE],
    ["no header", undefined, FRESH],
    ["an empty header", "", FRESH],
    ["version ff", `ff-${TRACE}-${PARENT}-01`, FRESH],
    ["version 00 with more fields", `00-${TRACE}-${PARENT}-01-more`, FRESH],
    ["an all-zero trace", `00-${"0".repeat(32)}-${PARENT}-01`, FRESH],
    ["an all-zero parent", `00-${TRACE}-${"0".repeat(16)}-01`, FRESH],
    ["upper case", `00-${TRACE.toUpperCase()}-${PARENT}-01`, FRESH],
    ["a short trace", `00-${TRACE.slice(1)}-${PARENT}-01`, FRESH],
    ["text before it", ` 00-${TRACE}-${PARENT}-01`, FRESH],
    ["markup", "<script>", FRESH],
  ])("%s", (_name, header, expected) => {
    expect(traceIdOf(header, randomBytes)).toBe(expected);
  });
});
