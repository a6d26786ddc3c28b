import { asProblem, ConnectionError, PatchbayError } from "./client-error.ts";
import { DEFAULT_RETRY, parseRetryAfter, retryDelay, type Attempt, type RetryPolicy } from "./retry-rules.ts";

/** An access token, an API key, or what makes one for each request. */
export type Credential = string | (() => string | Promise<string>);

export interface ClientOptions {
  /** Such as `https://patchbay.example.com`. */
  readonly url: string;
  readonly token?: Credential;
  /** What is left out is `DEFAULT_RETRY`'s. */
  readonly retry?: Partial<RetryPolicy>;
  /**
   * Whether each execution gets an idempotency key, so that it can be sent again without running twice. A key costs the call a way to
   * the object that keeps it; false leaves keys, and with them second attempts, to the caller. True where nothing is said.
   */
  readonly keyExecutions?: boolean;
  /** Instead of the global one. */
  readonly fetch?: typeof fetch;
  /** Instead of a timer; the signal ends the wait early. */
  readonly wait?: (milliseconds: number, signal?: AbortSignal | null) => Promise<void>;
  readonly random?: () => number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

const IDEMPOTENCY_HEADER = "idempotency-key";
const AUTHORIZATION = "authorization";

/**
 * A `fetch` that proves who asks, sends again what may be sent again, and gives the last answer whatever it says.
 *
 * @throws {ConnectionError} from the function, where no answer came
 */
export function createRequest(options: ClientOptions): typeof fetch {
  const { wait = waitFor, random = Math.random, now = Date.now, token } = options;
  const send = options.fetch ?? fetch;
  const policy = { ...DEFAULT_RETRY, ...options.retry };
  return async (target, init = {}) => {
    for (let number = 1; ; number++) {
      const headers = new Headers(init.headers);
      if (token !== undefined && !headers.has(AUTHORIZATION)) {
        headers.set(AUTHORIZATION, `Bearer ${typeof token === "string" ? token : await token()}`);
      }
      const answer = await send(target, { ...init, headers }).catch((error: unknown) => asFailure(error, init));
      const outcome =
        answer instanceof Response
          ? { status: answer.status, retryAfterMs: parseRetryAfter(answer.headers.get("retry-after"), now()) }
          : {};
      const delay = retryDelay(policy, describeAttempt(number, init, headers), outcome, random());
      if (delay === undefined) {
        if (answer instanceof Response) return answer;
        throw answer;
      }
      if (answer instanceof Response) await answer.body?.cancel();
      await wait(delay, init.signal);
    }
  };
}

/** @throws {PatchbayError} for an answer from 400 on */
export async function assertOk(response: Response, now: number): Promise<Response> {
  if (response.status < 400) return response;
  const json = response.headers.get("content-type")?.includes("json") === true;
  const problem = json ? asProblem(await response.json()) : undefined;
  throw new PatchbayError(response.status, problem, parseRetryAfter(response.headers.get("retry-after"), now));
}

function describeAttempt(number: number, { method = "GET", body }: RequestInit, headers: Headers): Attempt {
  return {
    number,
    method: method.toUpperCase(),
    keyed: headers.has(IDEMPOTENCY_HEADER),
    repeatable: !(body instanceof ReadableStream),
  };
}

/** The caller's own end of the request is no failure of the connection. */
function asFailure(error: unknown, { signal }: RequestInit): ConnectionError {
  if (signal?.aborted === true) throw error;
  const reason = error instanceof Error ? error.message : String(error);
  return new ConnectionError(`No answer came: ${reason}`, { cause: error });
}

async function waitFor(milliseconds: number, signal?: AbortSignal | null): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error); // of an aborted signal
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", end, { once: true });
  });
}
