import { PlatformError } from "../../../sdk/contract/errors.ts";

/** Entity tag of a revision (RFC 9110 §8.8.3); strong, since a revision never changes. */
export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/**
 * Holds If-Match against a revision (RFC 9110 §13.1.1): `*`, or a list of entity tags of which weak ones never match.
 *
 * @param ifMatch   the header; undefined where there is none
 * @param required  true where a change must say which state it is about (RFC 6585 §3)
 * @throws {PlatformError} PRECONDITION_REQUIRED, PRECONDITION_FAILED, REQUEST_INVALID for what is no list of entity tags
 */
export function requireMatch(ifMatch: string | undefined, revision: number, required: boolean): void {
  if (ifMatch === undefined) {
    if (!required) return;
    const detail = "The change needs an If-Match header: the ETag that came with what was read, or * for any.";
    throw new PlatformError("PRECONDITION_REQUIRED", detail);
  }
  if (matches(ifMatch, revision, false)) return;
  throw new PlatformError(
    "PRECONDITION_FAILED",
    `It is at revision ${revision} now, which is not what If-Match names; read it again and decide anew.`,
    { members: { revision, etag: etagOf(revision) } },
  );
}

/** True where If-None-Match says that the reader has the revision already (RFC 9110 §13.1.2). */
export function isKnown(ifNoneMatch: string | undefined, revision: number): boolean {
  return ifNoneMatch !== undefined && matches(ifNoneMatch, revision, true);
}

const TAGS = /^\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"(?:\s*,\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")*\s*$/;
const LENGTH = 1_000;

function matches(header: string, revision: number, weakToo: boolean): boolean {
  if (header.trim() === "*") return true;
  if (header.length > LENGTH || !TAGS.test(header)) {
    const message = 'must be * or entity tags such as "7"';
    throw new PlatformError("REQUEST_INVALID", `If-Match and If-None-Match ${message}.`, {
      issues: [{ path: "If-Match", message }],
    });
  }
  const tags = header.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => (weakToo ? tag.replace("W/", "") : tag) === etagOf(revision));
}
