import { outputSet } from "./abi";
import { encodeText, writeBytes } from "./memory";

/** Sets the call's output. The block is the host's from then on: the plugin must not free it. */
export function outputBytes(buffer: ArrayBuffer): void {
  outputSet(writeBytes(buffer), <u64>buffer.byteLength);
}

/** Sets the call's output to `text` as UTF-8. */
export function outputText(text: string): void {
  outputBytes(encodeText(text));
}
