import { freeBlock } from "./abi";
import { encodeText, readBytes, writeBytes } from "./memory";
import { streamRead, streamWrite } from "./user-functions";

/** Input and output piece by piece (docs/streaming.md). A plugin that uses one of them has no other input and output. */
export namespace streams {
  /**
   * The next piece of the input, null at its end.
   *
   * @param most  bytes, at most 1 MiB; 0 for the host's choice
   */
  export function read(most: u64 = 0): ArrayBuffer | null {
    const handle = streamRead(most);
    if (handle == 0) return null;
    const bytes = readBytes(handle);
    freeBlock(handle);
    return bytes;
  }

  /** Gives a piece to the caller, and waits until it is ready for more. Nothing happens for an empty one. */
  export function write(piece: ArrayBuffer): void {
    if (piece.byteLength > 0) streamWrite(writeBytes(piece));
  }

  /** As `write`, of text as UTF-8. */
  export function writeString(text: string): void {
    write(encodeText(text));
  }
}
