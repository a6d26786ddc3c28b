import type { GuestControl } from "../guest-control.ts";
import type { CallLog } from "../logs.ts";
import { ERRNO, WasiError } from "./errno.ts";
import { GuestBuffers } from "./guest-buffers.ts";
import type { GuestMemory } from "./guest-memory.ts";
import { LineBuffer } from "./line-buffer.ts";

const STDIN = 0;
const STREAMS = ["stdin", "stdout", "stderr"] as const;
const CHARACTER_DEVICE = 2;
const RIGHT_FD_READ = 1n << 1n;
const RIGHT_FD_WRITE = 1n << 6n;
const FDSTAT_BYTES = 24;
const FILESTAT_BYTES = 64;

/** File descriptors 0 to 2: an empty input and two outputs that become log lines. There are no others. */
export class StandardStreams {
  readonly #memory: GuestMemory;
  readonly #buffers: GuestBuffers;
  readonly #lines: { readonly stdout: LineBuffer; readonly stderr: LineBuffer };

  constructor(memory: GuestMemory, control: GuestControl, log: CallLog) {
    this.#memory = memory;
    this.#buffers = new GuestBuffers(memory, control);
    this.#lines = { stdout: new LineBuffer("stdout", log), stderr: new LineBuffer("stderr", log) };
  }

  /** Logs what the guest wrote after its last line end. */
  flush(): void {
    this.#lines.stdout.flush();
    this.#lines.stderr.flush();
  }

  /** @throws {WasiError} EBADF for a descriptor that is not open */
  nameOf(descriptor: number): (typeof STREAMS)[number] {
    const name = STREAMS[descriptor];
    if (name === undefined) throw new WasiError(ERRNO.badf);
    return name;
  }

  write(descriptor: number, buffers: number, count: number, written: number): number {
    const name = this.nameOf(descriptor);
    if (name === "stdin") throw new WasiError(ERRNO.badf);
    const lines = this.#lines[name];
    let total = 0;
    for (const buffer of this.#buffers.ranges(buffers, count)) {
      lines.append(buffer);
      total += buffer.byteLength;
    }
    this.#memory.setUint32(written, total);
    return ERRNO.success;
  }

  /** The input is at its end from the start. */
  read(descriptor: number, read: number): number {
    if (descriptor !== STDIN) throw new WasiError(ERRNO.badf);
    this.#memory.setUint32(read, 0);
    return ERRNO.success;
  }

  fdstat(descriptor: number, result: number): number {
    const name = this.nameOf(descriptor);
    const view = this.#memory.view(result, FDSTAT_BYTES);
    view.setUint8(0, CHARACTER_DEVICE);
    view.setUint8(1, 0);
    view.setUint16(2, 0, true);
    view.setUint32(4, 0, true);
    view.setBigUint64(8, name === "stdin" ? RIGHT_FD_READ : RIGHT_FD_WRITE, true);
    view.setBigUint64(16, 0n, true);
    return ERRNO.success;
  }

  filestat(descriptor: number, result: number): number {
    this.nameOf(descriptor);
    const bytes = this.#memory.bytes(result, FILESTAT_BYTES);
    bytes.fill(0);
    bytes[16] = CHARACTER_DEVICE;
    return ERRNO.success;
  }
}
