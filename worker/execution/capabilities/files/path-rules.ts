import * as v from "valibot";

/** What a file may be called. Pure. */

export const PATH_BYTES = 512;

/** A path from the install's own root: names with `/` between them. */
export const Path = v.pipe(
  v.string("must be text"),
  v.nonEmpty("must not be empty"),
  v.maxBytes(PATH_BYTES, `must have at most ${PATH_BYTES} bytes`),
  v.check(
    (path) => path.isWellFormed() && !/[\p{Cc}\\]/u.test(path),
    "must have no control characters and no backslashes",
  ),
  v.check(
    (path) => path.split("/").every((name) => name !== "" && name !== "." && name !== ".."),
    'must be names with "/" between them, none of them empty, "." or ".."',
  ),
);

/** The beginning of paths. */
export const Prefix = v.pipe(v.string("must be text"), v.maxBytes(PATH_BYTES, `must have at most ${PATH_BYTES} bytes`));

/** RFC 9110 §8.3.1, with parameters. */
export const ContentType = v.pipe(
  v.string("must be text"),
  v.maxLength(255, "must have at most 255 characters"),
  v.regex(/^[\w.+-]+\/[\w.+-]+(?: ?; ?[\w.+-]+=(?:[\w.+-]+|"[\w .+-]*"))*$/, "must be a media type"),
);
