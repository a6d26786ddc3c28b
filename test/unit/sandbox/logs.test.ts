import { describe, expect, test } from "vitest";
import { CallLog } from "../../../worker/execution/sandbox/logs.ts";
import { cutText, decodeText, encodeText, quoteName } from "../../../worker/execution/sandbox/text.ts";
import { LineBuffer } from "../../../worker/execution/sandbox/wasi/line-buffer.ts";

describe("CallLog", () => {
  test("a line costs its bytes and 16 more", () => {
    const log = new CallLog(100);
    expect(log.room).toBe(84);
    log.add("info", encodeText("ä".repeat(10)));
    expect(log.room).toBe(48);
    log.add("warn", encodeText("x".repeat(48)));
    expect(log.room).toBe(0);
    expect(log.truncated).toBe(false);
    expect(log.lines).toEqual([
      { level: "info", text: "ä".repeat(10) },
      { level: "warn", text: "x".repeat(48) },
    ]);
  });

  test("the line that does not fit is cut at a character, and nothing follows", () => {
    const log = new CallLog(26);
    log.add("info", encodeText("12345678€€"));
    expect(log.truncated).toBe(true);
    log.add("info", encodeText("x"));
    expect(log.lines).toEqual([{ level: "info", text: "12345678" }]);
    expect(log.room).toBe(0);
  });

  test.each([0, 15])("a limit of %d bytes keeps nothing", (limit) => {
    const log = new CallLog(limit);
    log.add("info", new Uint8Array(0));
    expect(log.lines).toEqual([]);
    expect(log.truncated).toBe(true);
  });

  test("an empty line fits in 16 bytes, once", () => {
    const log = new CallLog(16);
    log.add("info", new Uint8Array(0));
    expect(log.truncated).toBe(false);
    log.add("info", new Uint8Array(0));
    expect(log.truncated).toBe(true);
    expect(log.lines).toEqual([{ level: "info", text: "" }]);
  });
});

function lines(pieces: readonly string[], limit = 1_000): { texts: string[]; truncated: boolean } {
  const log = new CallLog(limit);
  const buffer = new LineBuffer("stdout", log);
  for (const piece of pieces) buffer.append(encodeText(piece));
  buffer.flush();
  return { texts: log.lines.map((line) => line.text), truncated: log.truncated };
}

describe("LineBuffer", () => {
  test.each([
    { title: "one line", pieces: ["hello\n"], texts: ["hello"] },
    { title: "no line end", pieces: ["hello"], texts: ["hello"] },
    { title: "nothing", pieces: [""], texts: [] },
    { title: "a line in pieces", pieces: ["he", "llo\nwor", "ld"], texts: ["hello", "world"] },
    { title: "empty lines", pieces: ["\n\na\n"], texts: ["", "", "a"] },
    { title: "carriage returns", pieces: ["a\r", "\nb\r\n\r\n"], texts: ["a", "b", ""] },
    { title: "a long line", pieces: ["x".repeat(300), "y".repeat(300)], texts: ["x".repeat(300) + "y".repeat(300)] },
  ])("$title", ({ pieces, texts }) => {
    expect(lines(pieces)).toEqual({ texts, truncated: false });
  });

  test("a character in two pieces is one character", () => {
    const log = new CallLog(100);
    const buffer = new LineBuffer("stderr", log);
    const [first, ...rest] = encodeText("€");
    buffer.append(Uint8Array.of(first ?? 0));
    buffer.append(Uint8Array.from(rest));
    buffer.flush();
    expect(log.lines).toEqual([{ level: "stderr", text: "€" }]);
  });

  test("a line longer than the log is cut", () => {
    expect(lines(["x".repeat(40), "x".repeat(60), "\nmore\n"], 80)).toEqual({
      texts: ["x".repeat(64)],
      truncated: true,
    });
  });
});

describe("text", () => {
  test.each([
    { text: "abc", length: 3, cut: "abc" },
    { text: "abc", length: 2, cut: "ab" },
    { text: "aé", length: 2, cut: "a" },
    { text: "a€", length: 2, cut: "a" },
    { text: "a€", length: 3, cut: "a" },
    { text: "a😀", length: 4, cut: "a" },
    { text: "a😀", length: 5, cut: "a😀" },
    { text: "😀", length: 0, cut: "" },
  ])("cutText($text, $length)", ({ text, length, cut }) => {
    expect(decodeText(cutText(encodeText(text), length))).toBe(cut);
  });

  test("quoteName shortens and escapes", () => {
    expect(quoteName('a"\n')).toBe(String.raw`"a\"\n"`);
    expect(quoteName("x".repeat(65))).toBe(`"${"x".repeat(64)}…"`);
  });
});
