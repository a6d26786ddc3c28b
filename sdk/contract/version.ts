/**
 * Semantic versions 2.0.0 (https://semver.org) and the range grammar of npm
 * (https://github.com/npm/node-semver#range-grammar), without build metadata in ranges' precedence.
 */

/** Version of this platform; a manifest's `engines.patchbay` is a range over it. */
export const PLATFORM_VERSION = "0.1.0";

/** The pattern that semver.org publishes. */
export const VERSION_PATTERN =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/;

export const VERSION_MAX_LENGTH = 128;
const RANGE_MAX_LENGTH = 256;

export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Dot-separated identifiers after `-`; empty for a release. */
  readonly prerelease: readonly string[];
}

interface Comparator {
  readonly operator: "<" | "<=" | ">" | ">=";
  readonly version: Version;
}

/** Alternatives (`||`), each a set of comparators that must all hold. */
export type Range = readonly (readonly Comparator[])[];

/** @returns the version, or undefined where the text is not one or a number is too large to be exact */
export function parseVersion(text: string): Version | undefined {
  if (text.length > VERSION_MAX_LENGTH) return undefined;
  const match = VERSION_PATTERN.exec(text);
  if (!match) return undefined;
  const [major, minor, patch] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (![major, minor, patch].every(Number.isSafeInteger)) return undefined;
  return { major, minor, patch, prerelease: match[4]?.split(".") ?? [] };
}

/**
 * Precedence of semver.org §11; build metadata is ignored.
 *
 * @returns negative where `a` is older than `b`, positive where it is newer, 0 where neither
 */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || comparePrereleases(a.prerelease, b.prerelease);
}

function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length; // a release is newer than its prereleases
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const order = compareIdentifiers(a[index] ?? "", b[index] ?? "");
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareIdentifiers(a: string, b: string): number {
  const [aNumeric, bNumeric] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (aNumeric !== bNumeric) return aNumeric ? -1 : 1; // numbers are older than words
  if (aNumeric && a.length !== b.length) return a.length - b.length; // no leading zeros: more digits is larger
  return a === b ? 0 : a < b ? -1 : 1;
}

const WILDCARD = /^[xX*]$/;
const PARTIAL = /^v?(\d+|[xX*])(?:\.(\d+|[xX*])(?:\.(\d+|[xX*])(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?)?)?$/;

interface PartialVersion {
  /** Numbers given before the first wildcard or the end: 0 to 3 of them. */
  readonly numbers: readonly number[];
  readonly prerelease: readonly string[];
}

function parsePartial(text: string): PartialVersion | undefined {
  const match = PARTIAL.exec(text);
  if (!match) return undefined;
  const given = [match[1], match[2], match[3]].filter((part) => part !== undefined);
  const wildcard = given.findIndex((part) => WILDCARD.test(part));
  const numbers = (wildcard === -1 ? given : given.slice(0, wildcard)).map(Number);
  if (!numbers.every(Number.isSafeInteger)) return undefined;
  if (match[4] === undefined) return { numbers, prerelease: [] };
  const exact = parseVersion(`${numbers.join(".")}-${match[4]}`); // checks the prerelease identifiers
  return exact && { numbers, prerelease: exact.prerelease };
}

function lowest({ numbers, prerelease }: PartialVersion): Version {
  return { major: numbers[0] ?? 0, minor: numbers[1] ?? 0, patch: numbers[2] ?? 0, prerelease };
}

/** First version above everything the first `kept` numbers describe; `-0` keeps its prereleases out too. */
function above({ numbers }: PartialVersion, kept: number): Version {
  const [major = 0, minor = 0, patch = 0] = numbers;
  if (kept === 1) return { major: major + 1, minor: 0, patch: 0, prerelease: ["0"] };
  if (kept === 2) return { major, minor: minor + 1, patch: 0, prerelease: ["0"] };
  return { major, minor, patch: patch + 1, prerelease: ["0"] };
}

const EVERYTHING: Comparator = {
  operator: ">=",
  version: { major: 0, minor: 0, patch: 0, prerelease: [] },
};
const NOTHING: Comparator = {
  operator: "<",
  version: { major: 0, minor: 0, patch: 0, prerelease: ["0"] },
};

function between(partial: PartialVersion, kept: number): Comparator[] {
  return [
    { operator: ">=", version: lowest(partial) },
    { operator: "<", version: above(partial, kept) },
  ];
}

/** How many leading numbers `^` holds fixed: up to the first that is not zero. */
function caretKept({ numbers }: PartialVersion): number {
  const firstNonZero = numbers.findIndex((number) => number !== 0);
  return firstNonZero === -1 ? numbers.length : firstNonZero + 1;
}

function comparators(operator: string, partial: PartialVersion): Comparator[] {
  const count = partial.numbers.length;
  if (count === 0) return operator === "<" || operator === ">" ? [NOTHING] : [EVERYTHING];
  const low = lowest(partial);
  switch (operator) {
    case "^":
      return between(partial, caretKept(partial));
    case "~":
      return between(partial, Math.min(count, 2));
    case ">":
      return count === 3 ? [{ operator: ">", version: low }] : [{ operator: ">=", version: above(partial, count) }];
    case ">=":
      return [{ operator: ">=", version: low }];
    case "<":
      return [{ operator: "<", version: count === 3 ? low : { ...low, prerelease: ["0"] } }];
    case "<=":
      return count === 3 ? [{ operator: "<=", version: low }] : [{ operator: "<", version: above(partial, count) }];
    default:
      if (count < 3) return between(partial, count);
      return [
        { operator: ">=", version: low },
        { operator: "<=", version: low },
      ];
  }
}

function parseAlternative(text: string): Comparator[] | undefined {
  if (text === "") return [EVERYTHING];
  const hyphen = /^(\S+)\s+-\s+(\S+)$/.exec(text);
  if (hyphen) {
    const [from, to] = [parsePartial(hyphen[1] ?? ""), parsePartial(hyphen[2] ?? "")];
    return from && to && [...comparators(">=", from), ...comparators("<=", to)];
  }
  const all: Comparator[] = [];
  for (const word of text.replaceAll(/(\^|~|[<>]=?|=)\s+/g, "$1").split(/\s+/)) {
    const match = /^(\^|~|[<>]=?|=)?(.*)$/.exec(word);
    const partial = parsePartial(match?.[2] ?? "");
    if (!match || !partial) return undefined;
    all.push(...comparators(match[1] ?? "=", partial));
  }
  return all;
}

/** @returns the range, or undefined where the text is not one */
export function parseRange(text: string): Range | undefined {
  if (text.length > RANGE_MAX_LENGTH) return undefined;
  const alternatives = text.split("||").map((part) => parseAlternative(part.trim()));
  return alternatives.every((set) => set !== undefined) ? alternatives : undefined;
}

function holds(version: Version, { operator, version: bound }: Comparator): boolean {
  const order = compareVersions(version, bound);
  if (operator === "<") return order < 0;
  if (operator === "<=") return order <= 0;
  return operator === ">" ? order > 0 : order >= 0;
}

/**
 * True where the version lies in the range. A prerelease lies in a range only where a comparator of the same
 * major.minor.patch names a prerelease itself: nobody gets a prerelease without asking for it.
 */
export function satisfies(version: Version, range: Range): boolean {
  return range.some((set) => {
    if (!set.every((comparator) => holds(version, comparator))) return false;
    if (version.prerelease.length === 0) return true;
    return set.some(
      ({ version: bound }) =>
        bound.prerelease.length > 0 &&
        bound.major === version.major &&
        bound.minor === version.minor &&
        bound.patch === version.patch,
    );
  });
}

/** True where this platform's version lies in `engines.patchbay`; an unreadable range accepts nothing. */
export function engineAccepts(rangeText: string, platformVersion: string = PLATFORM_VERSION): boolean {
  const [range, version] = [parseRange(rangeText), parseVersion(platformVersion)];
  return range !== undefined && version !== undefined && satisfies(version, range);
}
