import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";

const POSITION = /plugin\.js:(\d+):(\d+)/g;

/**
 * Replaces places of the bundle in an engine's stack by places of the sources.
 *
 * @param map  source map as text
 */
export function mapPositions(stack: string, map: string): string {
  if (map === "") return stack;
  const trace = new TraceMap(map);
  return stack.replaceAll(POSITION, (place, line: string, column: string) => {
    const found = originalPositionFor(trace, { line: Number(line), column: Number(column) - 1 });
    return found.source === null ? place : `${found.source}:${found.line}:${found.column + 1}`;
  });
}
