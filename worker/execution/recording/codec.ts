import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";
import type { RecordedOutcome, RecordedOutput, Recording } from "./recording.ts";

/**
 * A recording as bytes: magic, format, length of the header (unsigned, 32 bits, little endian), header as JSON, then the
 * binary parts one after the other: random seed, input, output where it is kept.
 */
export const RECORDING_FORMAT = 1;

const MAGIC = [0x50, 0x42, 0x52] as const; // "PBR"
const PREFIX_BYTES = 8;

interface Header extends Omit<Recording, "call" | "outcome"> {
  readonly call: Omit<SandboxCall, "input" | "randomSeed">;
  readonly outcome: Omit<RecordedOutcome, "output" | "failure"> & {
    readonly output: Omit<RecordedOutput, "bytes"> | null;
    readonly failure: RecordedOutcome["failure"] | null;
  };
  /** Sizes of the binary parts; null for an output that is not kept. */
  readonly parts: { readonly randomSeed: number; readonly input: number; readonly output: number | null };
}

export function encodeRecording(recording: Recording): Uint8Array<ArrayBuffer> {
  const { call, outcome, ...rest } = recording;
  const { input, randomSeed, ...plainCall } = call;
  const { output, failure, ...plainOutcome } = outcome;
  const header: Header = {
    ...rest,
    call: plainCall,
    outcome: {
      ...plainOutcome,
      output: output ? { digest: output.digest, byteLength: output.byteLength } : null,
      failure: failure ?? null,
    },
    parts: { randomSeed: randomSeed.length, input: input.length, output: output?.bytes?.length ?? null },
  };
  const headerBytes = new TextEncoder().encode(JSON.stringify(header));
  const parts = [headerBytes, randomSeed, input, output?.bytes ?? new Uint8Array()];
  const bytes = new Uint8Array(PREFIX_BYTES + parts.reduce((sum, part) => sum + part.length, 0));
  bytes.set([...MAGIC, RECORDING_FORMAT]);
  new DataView(bytes.buffer).setUint32(4, headerBytes.length, true);
  let offset = PREFIX_BYTES;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/**
 * @param bytes  authenticated before, so that form and sizes are checked, not every field
 * @throws {PlatformError} RECORDING_UNREADABLE
 */
export function decodeRecording(bytes: Uint8Array): Recording {
  const { header, offset } = readHeader(bytes);
  const { call, outcome, parts, ...rest } = header;
  const reader = new PartReader(bytes, offset);
  const randomSeed = reader.take(parts.randomSeed);
  const input = reader.take(parts.input);
  const output = parts.output === null ? undefined : reader.take(parts.output);
  reader.end();
  return {
    ...rest,
    call: { ...call, input, randomSeed },
    outcome: {
      ...outcome,
      failure: outcome.failure ?? undefined,
      output: outcome.output ? { ...outcome.output, bytes: output } : undefined,
    },
  };
}

function readHeader(bytes: Uint8Array): { readonly header: Header; readonly offset: number } {
  if (bytes.length < PREFIX_BYTES || MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw unreadable("The recording does not begin like one.");
  }
  if (bytes[3] !== RECORDING_FORMAT) {
    throw unreadable(`The recording has format ${bytes[3]}; this worker reads format ${RECORDING_FORMAT}.`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  const offset = PREFIX_BYTES + length;
  if (offset > bytes.length) throw tooShort(offset, bytes.length);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes.subarray(PREFIX_BYTES, offset),
    );
    return { header: JSON.parse(text) as Header, offset }; // written by encodeRecording, and authenticated
  } catch (cause) {
    throw new PlatformError("RECORDING_UNREADABLE", "The recording's header is not JSON.", { cause });
  }
}

class PartReader {
  readonly #bytes: Uint8Array;
  #offset: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  /** A copy: what is handed to an isolate must not drag the whole recording along. */
  take(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw tooShort(end, this.#bytes.length);
    const part = this.#bytes.slice(this.#offset, end);
    this.#offset = end;
    return part;
  }

  end(): void {
    const left = this.#bytes.length - this.#offset;
    if (left > 0) throw unreadable(`The recording has ${left} bytes more than its header says.`);
  }
}

function tooShort(needed: number, found: number): PlatformError {
  return unreadable(`The recording breaks off: its header speaks of ${needed} bytes, it has ${found}.`);
}

function unreadable(detail: string): PlatformError {
  return new PlatformError("RECORDING_UNREADABLE", detail);
}
