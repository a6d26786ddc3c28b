/**
 * Patterns for files of a package: names joined by `/`. A name may have one `*` for any characters; the pattern's last name
 * may be `**`, or empty, for everything below a folder. Matching takes time proportional to the path.
 */
export interface FilePattern {
  readonly names: readonly NamePattern[];
  /** Everything below the folder that the names match. */
  readonly below: boolean;
}

interface NamePattern {
  readonly start: string;
  /** Undefined where the name is meant exactly. */
  readonly end: string | undefined;
}

/** @returns undefined for a text that is no pattern */
export function parseFilePattern(text: string): FilePattern | undefined {
  const names = text.split("/");
  const below = names.at(-1) === "**" || (names.length > 1 && names.at(-1) === "");
  const parsed = (below ? names.slice(0, -1) : names).map(parseName);
  return parsed.every((name) => name !== undefined) ? { names: parsed, below } : undefined;
}

function parseName(text: string): NamePattern | undefined {
  const [start = "", end, ...more] = text.split("*");
  const isPath = text === "" || text === "." || text === "..";
  if (isPath || more.length > 0 || /[\\\p{Cc}]/u.test(text)) return undefined;
  return { start, end };
}

/** @param path  relative, of names that are not empty */
export function matchesFile({ names, below }: FilePattern, path: string): boolean {
  const parts = path.split("/");
  if (below ? parts.length <= names.length : parts.length !== names.length) return false;
  return names.every(({ start, end }, at) => {
    const part = parts[at] ?? "";
    if (end === undefined) return part === start;
    return part.length >= start.length + end.length && part.startsWith(start) && part.endsWith(end);
  });
}
