import { describe, expect, test } from "vitest";
import { headerText, isAddress, mailboxText, mimeMessage, parseMailbox } from "../../../worker/email/mime-rules.ts";

const from = { name: "Patchbay", address: "alerts@example.com" };
const mail = {
  id: "01J0000000000000000000000A",
  to: "ops@example.com",
  subject: "Down",
  text: "It is down.\n",
  html: "<p>It is down.</p>",
};
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

/** What an encoded header says (RFC 2047 §6.2: white space between encoded words is not part of the text). */
function decoded(header: string): string {
  return header
    .replaceAll(/\?=\s+=\?/g, "?==?")
    .replaceAll(/=\?utf-8\?B\?([^?]*)\?=/g, (_all, content: string) => Buffer.from(content, "base64").toString());
}

describe("a message", () => {
  test("is ASCII with CRLF, a text part and an HTML part", () => {
    const text = mimeMessage(from, { ...mail, text: "Größe 🚨\n", html: "<p>Größe 🚨</p>" }, NOW);
    expect(/^[\x20-\x7e\r\n]*$/.test(text)).toBe(true);
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    const [head = "", ...rest] = text.split("\r\n\r\n");
    expect(head.split("\r\n")).toEqual([
      "From: Patchbay <alerts@example.com>",
      "To: ops@example.com",
      "Subject: Down",
      "Date: Fri, 02 Jan 2026 03:04:05 +0000",
      "Message-ID: <01J0000000000000000000000A@example.com>",
      "Auto-Submitted: auto-generated",
      "MIME-Version: 1.0",
      'Content-Type: multipart/alternative; boundary="patchbay-01J0000000000000000000000A"',
    ]);
    const body = rest.join("\r\n\r\n");
    const parts = body.split(/--patchbay-01J0000000000000000000000A(?:--)?\r\n/).slice(1, -1);
    expect(
      parts.map((part) => {
        const [fields = "", content = ""] = part.split("\r\n\r\n");
        return [fields.split("\r\n")[0], Buffer.from(content, "base64").toString()];
      }),
    ).toEqual([
      ["Content-Type: text/plain; charset=utf-8", "Größe 🚨\r\n"],
      ["Content-Type: text/html; charset=utf-8", "<p>Größe 🚨</p>"],
    ]);
    expect(text.endsWith("--patchbay-01J0000000000000000000000A--\r\n")).toBe(true);
  });

  test.each(["Down\r\nBcc: all@example.com", "Down\nBcc: x", "Down\rBcc: x", "Down\u2028Bcc: x", "Down\u0000"])(
    "has no header more for the subject %j",
    (subject) => {
      const [head = ""] = mimeMessage(from, { ...mail, subject }, NOW).split("\r\n\r\n");
      const unfolded = head.replaceAll("\r\n ", " ").split("\r\n");
      expect(unfolded).toHaveLength(8);
      expect(unfolded.filter((line) => /^bcc/i.test(line))).toEqual([]);
    },
  );

  test("cannot go to what is no address", () => {
    expect(() => mimeMessage(from, { ...mail, to: "a@example.com\r\nBcc: b@example.com" }, NOW)).toThrow("is none");
    expect(() => parseMailbox("Patchbay\r\nBcc: x <alerts@example.com>")).toThrow("is no mailbox");
  });
});

describe("text of a header", () => {
  test.each(["Größe", "🚨".repeat(40), "x".repeat(500), "=?utf-8?B?eA==?=", "日本語のとても長い件名".repeat(10)])(
    "%s comes back whole",
    (text) => {
      const header = headerText(text);
      expect(decoded(header)).toBe(text);
      for (const line of header.split("\r\n")) expect(line.trim().length).toBeLessThanOrEqual(75);
    },
  );

  test("is left as it is where it is short and plain", () => {
    expect(headerText("[Patchbay] FIRING error: p95 > 800 ms")).toBe("[Patchbay] FIRING error: p95 > 800 ms");
  });
});

test("mailboxes have names or not", () => {
  expect(parseMailbox("alerts@example.com")).toEqual({ name: "", address: "alerts@example.com" });
  expect(parseMailbox('"Alerts, all" <alerts@example.com>')).toEqual({
    name: "Alerts, all",
    address: "alerts@example.com",
  });
  expect(decoded(mailboxText({ name: "Alerts, all", address: "a@example.com" }))).toBe("Alerts, all <a@example.com>");
  expect(mailboxText({ name: "Patchbay", address: "a@example.com" })).toBe("Patchbay <a@example.com>");
});

test.each([
  ["ops@example.com", true],
  ["o.p+s@sub.example.co", true],
  ["ops@localhost", false],
  ["a..b@example.com", false],
  ["a@-example.com", false],
  [`${"a".repeat(65)}@example.com`, false],
  ["a@example.com,b@example.com", false],
  ["größe@example.com", false],
])("%s is an address: %s", (text, is) => {
  expect(isAddress(text)).toBe(is);
});
