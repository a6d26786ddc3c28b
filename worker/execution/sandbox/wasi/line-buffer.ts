import type { CallLog } from "../logs.ts";

const LINE_END = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Joins what a guest writes piecemeal into lines. Keeps no more of a line than the log has room for. */
export class LineBuffer {
  readonly #level: "stdout" | "stderr";
  readonly #log: CallLog;
  #bytes = new Uint8Array(128);
  #length = 0;

  constructor(level: "stdout" | "stderr", log: CallLog) {
    this.#level = level;
    this.#log = log;
  }

  append(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.byteLength && !this.#log.truncated;) {
      const end = bytes.indexOf(LINE_END, start);
      this.#keep(bytes.subarray(start, end === -1 ? bytes.byteLength : end));
      if (end === -1) return;
      this.#endLine();
      start = end + 1;
    }
  }

  /** Ends a line that was not ended by the guest. */
  flush(): void {
    if (this.#length > 0) this.#endLine();
  }

  #endLine(): void {
    const hasReturn = this.#length > 0 && this.#bytes[this.#length - 1] === CARRIAGE_RETURN;
    this.#log.add(this.#level, this.#bytes.subarray(0, hasReturn ? this.#length - 1 : this.#length));
    this.#length = 0;
  }

  /** One byte over the log's room is kept, by which the log sees that the line was longer. */
  #keep(bytes: Uint8Array): void {
    const part = bytes.subarray(0, Math.max(0, this.#log.room + 1 - this.#length));
    const needed = this.#length + part.byteLength;
    if (needed > this.#bytes.byteLength) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.byteLength * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#length);
    this.#length = needed;
  }
}
