import { exports } from "cloudflare:workers";
import { expect } from "vitest";
import { ERRORS, type ErrorCode } from "../../../sdk/contract/errors.ts";

export const ORIGIN = "https://patchbay.test";

export interface ApiRequest {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: BodyInit;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where the answer is JSON, else text. */
  readonly body: unknown;
}

/** A request as it goes through the front door. */
export function requestOf(method: string, path: string, { token, headers, body, raw }: ApiRequest = {}): Request {
  const all = new Headers(headers);
  if (token !== undefined) all.set("authorization", `Bearer ${token}`);
  if (body !== undefined && !all.has("content-type")) all.set("content-type", "application/json");
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  return new Request(ORIGIN + path, {
    method: method.toUpperCase(),
    headers: all,
    ...(content === undefined ? {} : { body: content }),
  });
}

/** Calls the worker under test and reads its answer whole. */
export async function api(method: string, path: string, request: ApiRequest = {}): Promise<ApiAnswer> {
  return readAnswer(await exports.default.fetch(requestOf(method, path, request)));
}

export async function readAnswer(response: Response): Promise<ApiAnswer> {
  const text = await response.text();
  const json = text !== "" && /[/+]json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

/** The answer's problem document, once it is what every problem must be. */
export function problemIn(answer: ApiAnswer): Record<string, unknown> {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const problem = answer.body as Record<string, unknown>; // checked by each test
  expect(problem).toMatchObject({ status: answer.status, traceId: answer.headers.get("x-trace-id") });
  return problem;
}

/** Fails unless the answer is a problem of this code, and of this detail where one is given. */
export function expectProblem(answer: ApiAnswer, code: ErrorCode, detail?: string): Record<string, unknown> {
  const problem = problemIn(answer);
  expect(problem).toMatchObject({
    code,
    status: ERRORS[code].status,
    title: ERRORS[code].title,
    retryable: ERRORS[code].retryable,
    type: `/docs/errors#${code}`,
    ...(detail === undefined ? {} : { detail }),
  });
  return problem;
}
