import { PlatformError, type ErrorCode } from "../../../../sdk/contract/errors.ts";
import type { Deps } from "../../../deps.ts";
import type { Destination } from "../../../execution/capabilities/http/grant.ts";
import { failureOf, WEBHOOK_TIMEOUT_MS } from "../rules.ts";

export interface PostDeps {
  readonly capabilities: Pick<Deps["capabilities"], "egress">;
}

export interface SendResult {
  /** Null where there was no answer. */
  readonly status: number | null;
  /** Null where the receiver took it. */
  readonly errorCode: string | null;
  /** True where sending the same again cannot help. */
  readonly final?: boolean;
  /** How long the receiver asks to wait, in seconds. */
  readonly retryAfter?: number;
}

/** What is ready to be sent, or why it never will be, or when it may be: milliseconds since the epoch. */
export type Sending =
  | { readonly send: () => Promise<SendResult> }
  | { readonly dropped: ErrorCode | undefined }
  | { readonly later: number };

/**
 * One POST of a webhook. Whatever the receiver does is a result, not a failure of ours.
 *
 * @param destination  decides again, as it did when the URL was given
 */
export async function postWebhook(
  { capabilities }: PostDeps,
  destination: () => Destination,
  headers: Readonly<Record<string, string>>,
  body: string,
  timeoutMs: number = WEBHOOK_TIMEOUT_MS,
): Promise<SendResult> {
  try {
    const response = await capabilities.egress.send(destination(), {
      method: "POST",
      headers: { "user-agent": "Patchbay-Webhooks/1", ...headers },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel(); // what a receiver says is nobody's business
    return { status: response.status, errorCode: failureOf(response.status) ?? null };
  } catch (error) {
    if (error instanceof PlatformError) return { status: null, errorCode: error.code };
    throw error;
  }
}
