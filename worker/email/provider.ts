import type { ErrorCode } from "../../sdk/contract/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { sendOverBinding } from "./binding-provider.ts";
import { sendOverHttp } from "./http-provider.ts";
import { parseMailbox, type Mail } from "./mime-rules.ts";

export interface EmailResult {
  /** HTTP status of the provider's answer; null where there was none. */
  readonly status: number | null;
  /** Null where the provider took the message. */
  readonly errorCode: ErrorCode | null;
  /** True where sending the same again cannot help. */
  readonly final?: boolean;
  /** How long the provider asks to wait, in seconds. */
  readonly retryAfter?: number;
}

/** Sends messages. Whatever the provider does is a result, not a failure of ours. */
export interface EmailProvider {
  send(mail: Mail): Promise<EmailResult>;
}

export type EmailEnv = Pick<Env, "EMAIL_FROM" | "EMAIL_ENDPOINT" | "EMAIL_TOKEN" | "EMAIL">;

/**
 * What the worker's configuration says that e-mail goes through: an HTTP API where there is a token for one, else the
 * binding where there is one.
 *
 * @returns undefined where it says neither
 * @throws {Error} where `EMAIL_FROM` is no mailbox
 */
export function emailProvider(
  { EMAIL_FROM, EMAIL_ENDPOINT, EMAIL_TOKEN, EMAIL }: EmailEnv,
  fetcher: typeof fetch,
  clock: Clock,
): EmailProvider | undefined {
  if (!EMAIL_FROM) return undefined;
  const from = parseMailbox(EMAIL_FROM);
  if (EMAIL_ENDPOINT && EMAIL_TOKEN) {
    const api = { endpoint: EMAIL_ENDPOINT, token: EMAIL_TOKEN, from };
    return { send: (mail) => sendOverHttp(fetcher, api, mail, clock.now()) };
  }
  return EMAIL && { send: (mail) => sendOverBinding(EMAIL, from, mail, clock.now()) };
}
