import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";
import type { HostFailure, HostRequest } from "../../../sdk/contract/user-functions.ts";
import type { Exchange } from "../call-ledger.ts";
import type { RecordedOutcome, RecordedOutput, Recording } from "./recording.ts";

/**
 * A recording as bytes: magic, format, length of the header (unsigned, 32 bits, little endian), header as JSON, then the
 * binary parts one after the other: random seed, input, output where it is kept, and of each capability call its request, body,
 * answer and the answer's body.
 */
export const RECORDING_FORMAT = 2;
/** Without capability calls and context; read until the last of them has expired. */
const FORMAT_WITHOUT_EXCHANGES = 1;

const MAGIC = [0x50, 0x42, 0x52] as const; // "PBR"
const PREFIX_BYTES = 8;

interface Header extends Omit<Recording, "call" | "outcome" | "exchanges"> {
  readonly call: Omit<SandboxCall, "input" | "randomSeed">;
  readonly outcome: Omit<RecordedOutcome, "output" | "failure"> & {
    readonly output: Omit<RecordedOutput, "bytes"> | null;
    readonly failure: RecordedOutcome["failure"] | null;
  };
  /** Null where they were too large to keep. */
  readonly exchanges: readonly ExchangeHeader[] | null;
  /** Sizes of the binary parts; null for an output that is not kept. */
  readonly parts: { readonly randomSeed: number; readonly input: number; readonly output: number | null };
}

/** Sizes of the parts, null for one that is not there. */
interface ExchangeHeader {
  readonly name: HostRequest["name"];
  readonly request: number;
  readonly body: number | null;
  readonly answer: number;
  readonly answerBody: number | null;
  readonly failure: HostFailure | null;
}

export function encodeRecording(recording: Recording): Uint8Array<ArrayBuffer> {
  const { call, outcome, exchanges, ...rest } = recording;
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
    exchanges: exchanges?.map(exchangeHeader) ?? null,
    parts: { randomSeed: randomSeed.length, input: input.length, output: output?.bytes?.length ?? null },
  };
  const headerBytes = new TextEncoder().encode(JSON.stringify(header));
  const parts = [headerBytes, randomSeed, input, ...(output?.bytes ? [output.bytes] : []), ...exchangeParts(exchanges)];
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

function exchangeHeader({ request, answer }: Exchange): ExchangeHeader {
  return {
    name: request.name,
    request: request.request.length,
    body: request.body?.length ?? null,
    answer: answer.answer.length,
    answerBody: answer.body?.length ?? null,
    failure: answer.failure ?? null,
  };
}

function exchangeParts(exchanges: readonly Exchange[] = []): Uint8Array[] {
  return exchanges.flatMap(({ request, answer }) =>
    [request.request, request.body, answer.answer, answer.body].filter((part) => part !== undefined),
  );
}

function readExchange(header: ExchangeHeader, reader: PartReader): Exchange {
  const take = (length: number | null): Uint8Array | undefined => (length === null ? undefined : reader.take(length));
  const request = { name: header.name, request: reader.take(header.request), body: take(header.body) };
  const answer = { answer: reader.take(header.answer), body: take(header.answerBody) };
  return { request, answer: { ...answer, failure: header.failure ?? undefined } };
}

/**
 * @param bytes  authenticated before, so that form and sizes are checked, not every field
 * @throws {PlatformError} RECORDING_UNREADABLE
 */
export function decodeRecording(bytes: Uint8Array): Recording {
  const { header, offset } = readHeader(bytes);
  const { call, outcome, parts, exchanges, ...rest } = header;
  const reader = new PartReader(bytes, offset);
  const randomSeed = reader.take(parts.randomSeed);
  const input = reader.take(parts.input);
  const output = parts.output === null ? undefined : reader.take(parts.output);
  const exchanged = exchanges?.map((exchange) => readExchange(exchange, reader));
  reader.end();
  return {
    ...rest,
    call: { ...call, input, randomSeed },
    exchanges: exchanged,
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
  const format = bytes[3];
  if (format !== RECORDING_FORMAT && format !== FORMAT_WITHOUT_EXCHANGES) {
    throw unreadable(`The recording has format ${bytes[3]}; this worker reads format ${RECORDING_FORMAT}.`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  const offset = PREFIX_BYTES + length;
  if (offset > bytes.length) throw tooShort(offset, bytes.length);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes.subarray(PREFIX_BYTES, offset),
    );
    const header = JSON.parse(text) as Header; // written by encodeRecording, and authenticated
    return { header: format === RECORDING_FORMAT ? header : completed(header), offset };
  } catch (cause) {
    throw new PlatformError("RECORDING_UNREADABLE", "The recording's header is not JSON.", { cause });
  }
}

/** A guest of the older format could ask for nothing, its context included. */
function completed(header: Omit<Header, "exchanges">): Header {
  const { tenantId, install, call } = header;
  const { installId, pluginId, version } = install;
  const { executionId, now, limits } = call;
  const target = { tenantId, installId, pluginId, version, executionId };
  const context = { ...target, subject: "", roles: [], traceId: "", deadline: now + limits.wallClock };
  return { ...header, call: { ...call, context }, exchanges: [] };
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
