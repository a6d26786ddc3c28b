import { declareFunction, host } from "./host.ts";

const read = declareFunction("stream_read", 1, 1);
const write = declareFunction("stream_write", 1, 0);

/** Input and output piece by piece (docs/streaming.md). A plugin that uses one of them has no other input and output. */
export const streams = {
  /** Pieces of the input, each of at most 1 MiB. */
  async *input(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    for (let piece = host.call(read, 0); piece; piece = host.call(read, 0)) yield piece;
  },

  /** Waits until the caller is ready for more. */
  async write(piece: string | Uint8Array): Promise<void> {
    host.call(write, piece);
  },
};
