import type { Finding } from "../../../sdk/contract/package-report.ts";
import { finding, TEXT_PATTERNS } from "./scan-rules.ts";

/** Searches bytes for texts of {@link TEXT_PATTERNS}, in windows, so that memory stays bounded. */

const WINDOW_BYTES = 1024 * 1024;
/** Longer than the longest match, so that none is lost between windows. */
const OVERLAP_BYTES = 8 * 1024;
/** Time is bounded by this; about a second in the slowest case. */
export const TEXT_SCAN_MAX_BYTES = 32 * 1024 * 1024;
const SHOWN = 4;

/**
 * @param bytes  at most {@link TEXT_SCAN_MAX_BYTES} of them are searched
 * @param place  where they come from, for the evidence
 */
export function findTexts(bytes: Uint8Array, place: string): Finding[] {
  const decoder = new TextDecoder("latin1"); // one character per byte
  const end = Math.min(bytes.length, TEXT_SCAN_MAX_BYTES);
  const found = new Map<string, Finding>();
  for (let start = 0; start < end; start += WINDOW_BYTES) {
    const text = decoder.decode(bytes.subarray(start, Math.min(end, start + WINDOW_BYTES + OVERLAP_BYTES)));
    for (const { rule, what, expression, harmless } of TEXT_PATTERNS) {
      for (const match of text.matchAll(expression)) {
        if (harmless?.test(match[0])) continue;
        const offset = start + match.index;
        const evidence = `${place}, byte ${offset}: ${match[0].slice(0, SHOWN)}… (${match[0].length} characters)`;
        found.set(`${rule} ${offset}`, finding(rule, `The package contains ${what}.`, evidence));
      }
    }
  }
  return [...found.values()];
}
