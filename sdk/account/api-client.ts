import { UserError } from "../project/user-error.ts";
import type { Account } from "./account.ts";

/** A problem document (RFC 9457) of the platform, as far as this program reads it. */
export interface Problem {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
  readonly findings?: readonly {
    readonly severity: string;
    readonly rule: string;
    readonly message: string;
    readonly evidence: string;
  }[];
  readonly traceId?: string;
  readonly [member: string]: unknown;
}

/** A request that the platform refused. */
export class ApiError extends UserError {
  readonly problem: Problem;

  constructor(problem: Problem) {
    const { code, detail, issues = [], findings = [], traceId } = problem;
    const lines = [
      ...issues.map(({ path, message }) => `${path === "" ? "/" : path}: ${message}`),
      ...findings.map(({ severity, rule, message }) => `${severity} ${rule}: ${message}`),
      ...(problem.status >= 500 && traceId ? [`trace ${traceId}`] : []),
    ];
    super(`${code}: ${detail}`, lines.length > 0 ? lines.join("\n") : undefined);
    this.problem = problem;
  }
}

const PATIENCE_MS = 60_000;

/** Speaks with a platform for an account. */
export class ApiClient {
  readonly account: Account;

  constructor(account: Account) {
    this.account = account;
  }

  /**
   * @param body  a form, bytes, or anything that is sent as JSON
   * @throws {ApiError} for what the platform refuses; UserError where it cannot be reached
   */
  async request(method: string, route: string, body?: unknown): Promise<Response> {
    const { url, token } = this.account;
    const headers = new Headers({ authorization: `Bearer ${token}` });
    const plain = body === undefined || body instanceof FormData;
    if (!plain) headers.set("content-type", "application/json");
    const answer = await fetch(`${url}${route}`, {
      method,
      headers,
      redirect: "error", // a token follows no redirect
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body === undefined ? {} : { body: plain ? body : JSON.stringify(body) }),
    }).catch((error: unknown) => {
      throw new UserError(`${url} cannot be reached: ${reasonOf(error)}.`);
    });
    if (!answer.ok) throw new ApiError(await problemOf(answer));
    return answer;
  }

  /** @returns the answer's JSON, whose shape the route's description says */
  async json<Answer>(method: string, route: string, body?: unknown): Promise<Answer> {
    return (await (await this.request(method, route, body)).json()) as Answer; // as the platform's description has it
  }
}

/** A server in between may answer something else than a problem document. */
async function problemOf(answer: Response): Promise<Problem> {
  const text = await answer.text();
  try {
    const problem = JSON.parse(text) as Partial<Problem> | null; // checked below
    if (typeof problem?.code === "string" && typeof problem.detail === "string") {
      return { ...problem, code: problem.code, detail: problem.detail, status: answer.status };
    }
  } catch {
    // Not JSON: told by its status alone.
  }
  return { code: `HTTP ${answer.status}`, status: answer.status, detail: answer.statusText || "no problem document" };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${PATIENCE_MS / 1000} s`;
  const { cause } = error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : error.message;
}
