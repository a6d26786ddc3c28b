import { EmailMessage } from "cloudflare:email";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import { mimeMessage, type Mail, type Mailbox } from "./mime-rules.ts";
import type { EmailResult } from "./provider.ts";

/** What Cloudflare says of addresses to which a message will never go; everything else may pass. */
const FINAL = /E_RECIPIENT_|not allowed|not a verified address/i;

/** @param now  milliseconds since the epoch */
export async function sendOverBinding(
  binding: SendEmail,
  from: Mailbox,
  mail: Mail,
  now: number,
): Promise<EmailResult> {
  const message = new EmailMessage(from.address, mail.to, mimeMessage(from, mail, now));
  try {
    await binding.send(message);
    return { status: null, errorCode: null };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const text = errorText(error);
    logError("email.refused", { mailId: mail.id, code, error: text.replaceAll(mail.to, "the address") });
    return { status: null, errorCode: "EMAIL_REFUSED", final: FINAL.test(`${code} ${text}`) };
  }
}
