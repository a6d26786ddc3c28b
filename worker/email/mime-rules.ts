/** Internet messages (RFC 5322) with a text and an HTML part (RFC 2046 §5.1.4), in ASCII whatever they say (RFC 2045, RFC 2047). */

export interface Mailbox {
  /** Empty where there is only an address. */
  readonly name: string;
  readonly address: string;
}

export interface Mail {
  /** The same at every attempt, so that a message that is sent twice can be known. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Longest address (RFC 5321 §4.5.3.1.3). */
const ADDRESS_LENGTH = 254;
const ADDRESS =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$/;
/** Bytes in an encoded word, so that it stays within 75 characters (RFC 2047 §2). */
const WORD_BYTES = 45;
const LINE = 76;

/** An address without quoting, comments and the rest that nobody has: `local@domain`. */
export function isAddress(text: string): boolean {
  return text.length <= ADDRESS_LENGTH && ADDRESS.test(text) && !/(^|\.)\.|\.@|^\./.test(text);
}

/**
 * @param text  `address` or `Name <address>`
 * @throws {Error} where it is neither
 */
export function parseMailbox(text: string): Mailbox {
  const { name = "", address = text.trim() } =
    /^(?<name>[^<>\r\n]*)<(?<address>[^<>]+)>$/.exec(text.trim())?.groups ?? {};
  if (!isAddress(address)) throw new Error("EMAIL_FROM is no mailbox: an address, or a name and an address in <>.");
  return { name: name.trim().replace(/^"(.*)"$/, "$1"), address };
}

/** `Name <address>`, its name encoded where it is more than plain words. */
export function mailboxText({ name, address }: Mailbox): string {
  if (name === "") return address;
  return `${/^[A-Za-z0-9 ]+$/.test(name) ? name : encodedWords(name)} <${address}>`;
}

/**
 * The whole message.
 *
 * @param now  milliseconds since the epoch
 * @throws {Error} where an address is none: nothing of a header can come from anywhere else
 */
export function mimeMessage(from: Mailbox, mail: Mail, now: number): string {
  if (!isAddress(mail.to)) throw new Error("The address to send to is none.");
  const domain = from.address.slice(from.address.indexOf("@") + 1);
  const id = mail.id.replaceAll(/[^A-Za-z0-9]/g, "");
  const boundary = `patchbay-${id}`; // cannot stand in base64, which has no hyphen
  const headers = [
    `From: ${mailboxText(from)}`,
    `To: ${mail.to}`,
    `Subject: ${headerText(mail.subject)}`,
    `Date: ${new Date(now).toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${id}@${domain}>`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    `Content-Type: multipart/alternative; boundary="${boundary}"`,
  ];
  const part = (type: string, content: string): string[] => [
    `--${boundary}`,
    `Content-Type: ${type}; charset=utf-8`,
    "Content-Transfer-Encoding: base64",
    "",
    ...(base64(content.replaceAll(/\r?\n/g, "\r\n")).match(new RegExp(`.{1,${LINE}}`, "g")) ?? [""]),
  ];
  const parts = [...part("text/plain", mail.text), ...part("text/html", mail.html), `--${boundary}--`, ""];
  return [...headers, "", ...parts].join("\r\n");
}

/** Text of a header: as it is where it is short ASCII, else encoded. Line breaks and control characters become spaces. */
export function headerText(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
  return /^[\x20-\x7e]{0,66}$/.test(line) && !line.includes("=?") ? line : encodedWords(line);
}

/** Encoded words of whole characters, one a line (RFC 2047 §5). */
function encodedWords(text: string): string {
  const words: string[] = [];
  let word = "";
  for (const character of text) {
    if (word !== "" && byteLength(word + character) > WORD_BYTES) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  return [...words, word].map((content) => `=?utf-8?B?${base64(content)}?=`).join("\r\n ");
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function base64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
}
