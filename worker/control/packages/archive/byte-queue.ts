/** Reads exact counts of bytes from chunks of any size. */
export class ByteQueue {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #current: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Passes the next `count` bytes on, piece by piece; false where the source ends before. */
  async forward(count: number, sink: (chunk: Uint8Array) => void): Promise<boolean> {
    for (let left = count; left > 0;) {
      if (this.#current.length === 0 && !(await this.#advance())) return false;
      const piece = this.#current.subarray(0, left);
      this.#current = this.#current.subarray(piece.length);
      left -= piece.length;
      sink(piece);
    }
    return true;
  }

  /** The next `count` bytes, or undefined where the source ends before. The caller bounds the count. */
  async take(count: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    const complete = await this.forward(count, (chunk) => {
      bytes.set(chunk, filled);
      filled += chunk.length;
    });
    return complete ? bytes : undefined;
  }

  /** Passes everything that is left. */
  async drain(sink: (chunk: Uint8Array) => void): Promise<void> {
    do {
      if (this.#current.length > 0) sink(this.#current);
      this.#current = new Uint8Array(0);
    } while (await this.#advance());
  }

  /** Stops the source. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #advance(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done) return false;
    this.#current = next.value;
    return true;
  }
}
