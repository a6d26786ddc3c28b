import { describe, expect, test } from "vitest";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { decodeOutput, encodeInput } from "../../../worker/control/executions/encoding.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

function codeOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error instanceof PlatformError ? [error.code, error.issues?.[0]?.message ?? error.message] : error;
  }
}

describe("encodeInput", () => {
  test.each([
    { body: {}, input: "" },
    { body: { input: "grüß 👋" }, input: "grüß 👋" },
    { body: { input: { a: [1, null] } }, input: '{"a":[1,null]}' },
    { body: { input: null }, input: "null" },
    { body: { input: "x", encoding: "json" as const }, input: '"x"' },
    { body: { input: "aGk=", encoding: "base64" as const }, input: "hi" },
  ])("$body reaches the guest as $input", ({ body, input }) => {
    expect(text(encodeInput(body))).toBe(input);
  });

  test.each([
    { body: { input: 3, encoding: "text" as const }, message: "must be a string with encoding text; found number" },
    {
      body: { input: null, encoding: "base64" as const },
      message: "must be a string with encoding base64; found null",
    },
    { body: { input: "%%%", encoding: "base64" as const }, message: "must be base64 (RFC 4648, section 4)" },
  ])("$body is refused: $message", ({ body, message }) => {
    expect(codeOf(() => encodeInput(body))).toEqual(["REQUEST_INVALID", message]);
  });
});

describe("decodeOutput", () => {
  test.each([
    { body: { input: {} }, output: '{"n":1}', answer: { output: { n: 1 }, encoding: "json" } },
    { body: { input: {} }, output: "", answer: { output: null, encoding: "json" } },
    { body: { input: {} }, output: "plain", answer: { output: "plain", encoding: "text" } },
    { body: { input: "x" }, output: '{"n":1}', answer: { output: '{"n":1}', encoding: "text" } },
    { body: { encoding: "base64" as const }, output: "hi", answer: { output: "aGk=", encoding: "base64" } },
  ])("$output for $body", ({ body, output, answer }) => {
    expect(decodeOutput(bytes(output), body)).toEqual(answer);
  });

  test("large output survives base64", () => {
    const large = new Uint8Array(100_000).fill(0xff);
    const { output } = decodeOutput(large, { encoding: "base64" });
    expect(Buffer.from(String(output), "base64")).toEqual(Buffer.from(large));
  });

  test.each([
    {
      body: { encoding: "json" as const },
      output: bytes("plain"),
      message: "The output is not JSON; ask for encoding text or base64.",
    },
    {
      body: { encoding: "text" as const },
      output: Uint8Array.of(0xff),
      message: "The output is not UTF-8; ask for encoding base64.",
    },
  ])("$message", ({ body, output, message }) => {
    expect(codeOf(() => decodeOutput(output, body))).toEqual(["OUTPUT_ENCODING_INVALID", message]);
  });
});
