import * as v from "valibot";
import { PlatformError, type Issue } from "../../sdk/contract/errors.ts";

const ISSUES_SHOWN = 20;
/** Valibot quotes the received text, which may be as long as the body. */
const MESSAGE_LENGTH = 300;

/** Where an input came from: decides how its issues name a place. */
export type InputPart = "params" | "query" | "body";

/**
 * @param part  `body` issues are named by JSON pointer (RFC 6901), `params` and `query` issues by field name
 * @throws {PlatformError} REQUEST_INVALID with every issue found (at most 20)
 */
export function validate<S extends v.GenericSchema>(schema: S, value: unknown, part: InputPart): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const issues = result.issues.slice(0, ISSUES_SHOWN).map((issue) => toIssue(issue, part));
  const [first] = issues;
  throw new PlatformError("REQUEST_INVALID", `${nameOf(first, part)}: ${first?.message ?? "not valid"}.`, { issues });
}

function toIssue(issue: v.BaseIssue<unknown>, part: InputPart): Issue {
  const keys = (issue.path ?? []).map((item) => String(item.key));
  const path = part === "body" ? keys.map((key) => `/${escapePointer(key)}`).join("") : keys.join(".");
  return { path, message: truncate(issue.message) };
}

function nameOf(issue: Issue | undefined, part: InputPart): string {
  const place = truncate(issue?.path ?? "");
  if (part === "body") return place === "" ? "The body" : `The body's ${place}`;
  return part === "query" ? `The query parameter "${place}"` : `The path parameter "${place}"`;
}

function escapePointer(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function truncate(text: string): string {
  return text.length <= MESSAGE_LENGTH ? text : `${text.slice(0, MESSAGE_LENGTH)}…`;
}
