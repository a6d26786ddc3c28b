import { host } from "./host.ts";

/** The input of a call, read when it is asked for. */
export interface Input {
  text(): string;
  bytes(): Uint8Array<ArrayBuffer>;
  /**
   * The input as JSON, undefined where it is empty. The type is the caller's word: give the function an `input` schema to have it
   * checked.
   *
   * @throws {SyntaxError}
   */
  json<Value = unknown>(): Value | undefined;
}

export const input: Input = {
  text: () => host.inputText(),
  bytes: () => host.inputBytes(),
  json: <Value>() => {
    const text = host.inputText();
    return text === "" ? undefined : (JSON.parse(text) as Value); // what the caller says it is
  },
};
