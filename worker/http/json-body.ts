import * as v from "valibot";
import { PlatformError, type Issue } from "../../sdk/contract/errors.ts";

/**
 * Parses and validates a JSON body.
 *
 * @throws {PlatformError} BODY_UNREADABLE where it is no JSON; REQUEST_INVALID with every problem and its JSON pointer
 */
export function parseJsonBody<S extends v.GenericSchema>(schema: S, bytes: Uint8Array): v.InferOutput<S> {
  return validate(schema, parseJson(bytes), "The body is not valid.");
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw new PlatformError("BODY_UNREADABLE", "The body is not JSON in UTF-8.", { cause });
  }
}

/** @throws {PlatformError} REQUEST_INVALID with every problem and its JSON pointer (RFC 6901) */
export function validate<S extends v.GenericSchema>(schema: S, value: unknown, summary: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw new PlatformError("REQUEST_INVALID", summary, { issues: result.issues.map(toIssue) });
}

export function toIssue(issue: v.BaseIssue<unknown>): Issue {
  const keys = (issue.path ?? []).map((item) => String(item.key).replaceAll("~", "~0").replaceAll("/", "~1"));
  return { path: keys.map((key) => `/${key}`).join(""), message: issue.message };
}
