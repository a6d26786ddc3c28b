import { mailboxText, type Mail, type Mailbox } from "./mime-rules.ts";
import type { EmailResult } from "./provider.ts";

/** An HTTP API that takes messages as JSON (https://resend.com/docs/api-reference/emails/send-email). */
export interface EmailApi {
  readonly endpoint: string;
  readonly token: string;
  readonly from: Mailbox;
}

const TIMEOUT_MS = 10_000;
/** Answers that say that this message will never be taken. */
const FINAL: ReadonlySet<number> = new Set([400, 404, 405, 413, 415, 422]);
const LONGEST_WAIT_SECONDS = 3_600;

/** @param now  milliseconds since the epoch */
export async function sendOverHttp(
  fetcher: typeof fetch,
  { endpoint, token, from }: EmailApi,
  { id, to, subject, text, html }: Mail,
  now: number,
): Promise<EmailResult> {
  let response: Response;
  try {
    response = await fetcher(endpoint, {
      method: "POST",
      redirect: "manual",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "idempotency-key": id,
        "user-agent": "Patchbay-Alerts/1",
      },
      body: JSON.stringify({ from: mailboxText(from), to: [to], subject, text, html }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    const late = error instanceof Error && error.name === "TimeoutError";
    return { status: null, errorCode: late ? "UPSTREAM_TIMED_OUT" : "UPSTREAM_UNREACHABLE" };
  }
  const { status, headers } = response;
  await response.body?.cancel(); // its text may quote the message
  if (response.ok) return { status, errorCode: null };
  const retryAfter = waitOf(headers.get("retry-after"), now);
  const again = retryAfter === undefined ? {} : { retryAfter };
  return { status, errorCode: "EMAIL_REFUSED", final: FINAL.has(status), ...again };
}

/** Seconds of a Retry-After header (RFC 9110 §10.2.3), which is a number of them or a date. */
function waitOf(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - now) / 1_000);
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 1), LONGEST_WAIT_SECONDS);
}
