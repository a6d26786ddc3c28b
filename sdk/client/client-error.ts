import type { ErrorCode } from "../contract/errors.ts";

/** The problem document of the platform (RFC 9457), as far as it is always there. */
export interface Problem {
  readonly code: ErrorCode;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly traceId: string;
  /** True: the same request may succeed later. */
  readonly retryable: boolean;
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
  readonly limit?: { readonly name: string; readonly used: number; readonly allowed: number };
}

/** An answer that says no. `code` never changes its meaning; the table of codes is at `/docs/errors` of every deployment. */
export class PatchbayError extends Error {
  override readonly name = "PatchbayError";
  readonly status: number;
  /** Undefined where something in between answered, and not the platform. */
  readonly problem: Problem | undefined;
  /** What the platform asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, problem: Problem | undefined, retryAfterMs: number | undefined) {
    super(problem ? `${problem.code}: ${problem.detail}` : `HTTP status ${status} without a problem document`);
    this.status = status;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }

  get code(): ErrorCode | undefined {
    return this.problem?.code;
  }

  get retryable(): boolean {
    return this.problem?.retryable ?? false;
  }
}

/** No answer came, after the attempts that were allowed; `cause` says why. Whether the request was carried out is not known. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** @param code  where given, only an error with this code */
export function isPatchbayError(error: unknown, code?: ErrorCode): error is PatchbayError {
  return error instanceof PatchbayError && (code === undefined || error.code === code);
}

/** @param body  what the answer's JSON is; anything */
export function asProblem(body: unknown): Problem | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { code, detail, status } = body as Partial<Problem>; // looked at before it is trusted
  const whole = typeof code === "string" && typeof detail === "string" && typeof status === "number";
  return whole ? (body as Problem) : undefined; // a document of the platform has the rest as well
}
