import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import type { ExecuteBody } from "./execute-schema.ts";

export type Encoding = "json" | "text" | "base64";

/** @returns the encoding asked for, or the one the input's type implies */
export function chosenEncoding(body: ExecuteBody): Encoding {
  return body.encoding ?? (typeof body.input === "string" ? "text" : "json");
}

/**
 * The guest's input bytes.
 *
 * @throws {PlatformError} REQUEST_INVALID where text or base64 is announced and something else is found
 */
export function encodeInput(body: ExecuteBody): Uint8Array {
  const { input } = body;
  if (input === undefined) return new Uint8Array();
  const encoding = chosenEncoding(body);
  if (encoding === "json") return new TextEncoder().encode(JSON.stringify(input));
  if (typeof input !== "string") {
    throw invalidInput(`must be a string with encoding ${encoding}; found ${input === null ? "null" : typeof input}`);
  }
  return encoding === "text" ? new TextEncoder().encode(input) : decodeBase64(input);
}

/**
 * The guest's output as a JSON value. A plugin that answers with plain text where nobody asked for JSON gets it through
 * as text.
 *
 * @throws {PlatformError} OUTPUT_ENCODING_INVALID where the output is not what was asked for
 */
export function decodeOutput(output: Uint8Array, body: ExecuteBody): { output: unknown; encoding: Encoding } {
  const encoding = chosenEncoding(body);
  if (encoding === "base64") return { output: encodeBase64(output), encoding };
  const text = decodeText(output);
  if (encoding === "text") return { output: text, encoding };
  if (text === "") return { output: null, encoding };
  try {
    return { output: JSON.parse(text) as unknown, encoding };
  } catch (cause) {
    if (body.encoding === undefined) return { output: text, encoding: "text" };
    throw new PlatformError("OUTPUT_ENCODING_INVALID", "The output is not JSON; ask for encoding text or base64.", {
      cause,
    });
  }
}

/** What is wrong with an output that is not in the encoding asked for; undefined: nothing. */
export function encodingFailure(output: Uint8Array, body: ExecuteBody): SandboxFailure | undefined {
  try {
    decodeOutput(output, body);
    return undefined;
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { code: error.code, detail: error.message };
  }
}

function decodeText(output: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(output);
  } catch (cause) {
    throw new PlatformError("OUTPUT_ENCODING_INVALID", "The output is not UTF-8; ask for encoding base64.", { cause });
  }
}

function decodeBase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw invalidInput("must be base64 (RFC 4648, section 4)");
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  const step = 8_192; // arguments of one call are bounded
  for (let offset = 0; offset < bytes.length; offset += step) {
    binary += String.fromCharCode(...bytes.subarray(offset, offset + step));
  }
  return btoa(binary);
}

function invalidInput(message: string): PlatformError {
  return new PlatformError("REQUEST_INVALID", "The input is not valid.", { issues: [{ path: "/input", message }] });
}
