import { decodedMappings, TraceMap, type SourceMapSegment } from "@jridgewell/trace-mapping";
import { shownName } from "../../execution/metering/function-names.ts";

/** Larger maps are left aside: they are decoded in memory, at up to fifteen times their size. Bytes. */
export const SOURCE_MAP_BYTES = 2 * 1024 * 1024;

/** Where functions begin in the author's files. */
export interface FunctionPlaces {
  readonly files: readonly string[];
  /** For each function with a body two numbers: index into files and line, counted from 1; -1 where the map does not say. */
  readonly places: readonly number[];
}

/**
 * Places of functions by a source map (ECMA-426) whose generated columns are byte offsets in the module, as AssemblyScript and
 * Emscripten write them.
 *
 * @param text    the map; one that cannot be read places nothing
 * @param bodies  start and end offset of every function body, alternating
 */
export function placesOf(text: string, bodies: Uint32Array): FunctionPlaces {
  const { segments, sources } = readMap(text);
  let at = 0;
  const places = Array.from(bodies, () => -1);
  for (let body = 0; body < bodies.length; body += 2) {
    const [start = 0, end = 0] = bodies.subarray(body, body + 2);
    while (at < segments.length && (segments[at]?.[0] ?? 0) < start) at++;
    for (let next = at; next < segments.length; next++) {
      const [offset, file, line] = segments[next] ?? [];
      if (offset === undefined || offset >= end) break;
      if (file === undefined || line === undefined) continue;
      places[body] = file;
      places[body + 1] = line + 1;
      break;
    }
  }
  return { files: sources.map((source) => shownName(String(source))), places };
}

interface ReadMap {
  readonly segments: readonly Readonly<SourceMapSegment>[];
  readonly sources: readonly unknown[];
}

/** A map that cannot be read is the author's mistake, and a profile is worth having without it. */
function readMap(text: string): ReadMap {
  try {
    const map = new TraceMap(text);
    return { segments: decodedMappings(map)[0] ?? [], sources: map.sources.map((source) => source ?? "") };
  } catch {
    return { segments: [], sources: [] };
  }
}

/**
 * Files of a package that may be a module's source map, the likeliest first. What the module names is taken as a file beside
 * it; nothing is ever fetched.
 *
 * @param wasm  path of the module in its package
 * @param url   what the module says of its map
 */
export function sourceMapPaths(wasm: string, url: string | undefined): string[] {
  const folder = wasm.slice(0, wasm.lastIndexOf("/") + 1);
  const named = url?.slice(url.lastIndexOf("/") + 1) ?? "";
  return [...new Set([...(named === "" ? [] : [`${folder}${named}`]), `${wasm}.map`])];
}
