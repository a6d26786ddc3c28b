import type { LogLine } from "../../../sdk/contract/sandbox.ts";
import { cutText, decodeText } from "./text.ts";

/** What a line costs beside its text, so that empty lines are bounded too. */
const LINE_BYTES = 16;

/** The log of one call: lines in order, up to a number of bytes. What does not fit any more is cut, and said to be. */
export class CallLog {
  readonly #lines: LogLine[] = [];
  #room: number;
  #truncated = false;

  /** @param limit  bytes of text and lines together */
  constructor(limit: number) {
    this.#room = limit;
  }

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  get truncated(): boolean {
    return this.#truncated;
  }

  /** Bytes of text the next line may have; 0 where the log is full. */
  get room(): number {
    return this.#truncated ? 0 : Math.max(0, this.#room - LINE_BYTES);
  }

  /**
   * Appends a line.
   *
   * @param bytes  UTF-8; pass one byte more than `room` to say that there was more
   */
  add(level: LogLine["level"], bytes: Uint8Array): void {
    const { room } = this;
    if (bytes.byteLength > room || this.#room < LINE_BYTES) {
      if (room > 0) this.#lines.push({ level, text: decodeText(cutText(bytes, room)) });
      this.markTruncated();
      return;
    }
    if (this.#truncated) return;
    this.#room -= LINE_BYTES + bytes.byteLength;
    this.#lines.push({ level, text: decodeText(bytes) });
  }

  /** Nothing is kept from here on: a log with holes would mislead. */
  markTruncated(): void {
    this.#truncated = true;
  }
}
