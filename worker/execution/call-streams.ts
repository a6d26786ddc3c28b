import { PlatformError } from "../../sdk/contract/errors.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import type { SandboxFailure, SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import { STREAM_CHUNK_BYTES } from "../../sdk/contract/user-functions.ts";

/**
 * Input and output of one call, for a plugin that reads and writes them piece by piece. What crosses to the isolate is never more
 * than one piece; what is held here is what the caller has sent and the plugin not yet asked for.
 */
export interface CallStreams {
  readonly inputBytes: number;
  readonly outputBytes: number;
  /**
   * @param most  bytes wanted, at least 1
   * @returns the next bytes, undefined at the end
   * @throws {PlatformError} INPUT_TOO_LARGE
   */
  read(most: number): Promise<Uint8Array | undefined>;
  /**
   * Resolves when the caller is ready for more.
   *
   * @throws {PlatformError} OUTPUT_TOO_LARGE; CALLER_GONE
   */
  write(bytes: Uint8Array): Promise<void>;
  /** What the call came to, its streams included. */
  finish(outcome: SandboxOutcome): SandboxOutcome;
}

type StreamLimits = Pick<Limits, "input" | "output">;

/** Counts, and remembers the failure that ended a stream: a plugin that goes on after it has not succeeded. */
class StreamMeter {
  readonly #limits: StreamLimits;
  inputBytes = 0;
  outputBytes = 0;
  failure: SandboxFailure | undefined;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  countInput(bytes: number): void {
    this.inputBytes += bytes;
    if (this.inputBytes > this.#limits.input) this.#fail("INPUT_TOO_LARGE", "input", this.inputBytes);
  }

  countOutput(bytes: number): void {
    this.outputBytes += bytes;
    if (this.outputBytes > this.#limits.output) this.#fail("OUTPUT_TOO_LARGE", "output", this.outputBytes);
  }

  callerGone(cause: unknown): never {
    const detail = "The caller ended the connection before the call had ended.";
    this.failure ??= { code: "CALLER_GONE", detail };
    throw new PlatformError("CALLER_GONE", detail, { cause });
  }

  #fail(code: "INPUT_TOO_LARGE" | "OUTPUT_TOO_LARGE", name: "input" | "output", used: number): never {
    const allowed = this.#limits[name];
    const detail = `The ${name} has ${used} bytes and more; the limit is ${allowed}.`;
    const limit = { name, used, allowed };
    this.failure ??= { code, detail, limit };
    throw new PlatformError(code, detail, { limit });
  }

  finish(outcome: SandboxOutcome): SandboxOutcome {
    return this.failure ? { ...outcome, output: undefined, failure: this.failure } : outcome;
  }
}

/** For a call whose input is there and whose output is wanted whole. */
export class BufferedStreams implements CallStreams {
  readonly #meter: StreamMeter;
  readonly #input: Uint8Array;
  readonly #output: Uint8Array[] = [];

  constructor(input: Uint8Array, limits: StreamLimits) {
    this.#meter = new StreamMeter(limits);
    this.#input = input;
  }

  get inputBytes(): number {
    return this.#input.byteLength;
  }

  get outputBytes(): number {
    return this.#meter.outputBytes;
  }

  read(most: number): Promise<Uint8Array | undefined> {
    const start = this.#meter.inputBytes;
    if (start >= this.#input.byteLength) return Promise.resolve(undefined);
    const piece = this.#input.slice(start, start + Math.min(most, STREAM_CHUNK_BYTES));
    this.#meter.countInput(piece.byteLength);
    return Promise.resolve(piece);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#meter.countOutput(bytes.byteLength);
    this.#output.push(bytes);
  }

  /** What was written comes before what was set as the output. */
  finish(outcome: SandboxOutcome): SandboxOutcome {
    const { output, ...rest } = this.#meter.finish(outcome);
    if (!output || this.#output.length === 0) return { ...rest, output };
    return { ...rest, output: concatenate([...this.#output, output]) };
  }
}

/** For a call whose input still arrives while it runs, and whose output leaves as it is written. */
export class PipedStreams implements CallStreams {
  readonly #meter: StreamMeter;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #started = Promise.withResolvers<void>();
  #rest: Uint8Array = new Uint8Array();

  constructor(input: ReadableStream<Uint8Array> | null, output: WritableStream<Uint8Array>, limits: StreamLimits) {
    this.#meter = new StreamMeter(limits);
    this.#reader = input?.getReader();
    this.#writer = output.getWriter();
  }

  get inputBytes(): number {
    return this.#meter.inputBytes;
  }

  get outputBytes(): number {
    return this.#meter.outputBytes;
  }

  /** Resolves with the first piece of output: from then on the answer is on its way. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  async read(most: number): Promise<Uint8Array | undefined> {
    while (this.#rest.byteLength === 0) {
      const next = await this.#reader?.read().catch((cause: unknown) => this.#meter.callerGone(cause));
      if (!next || next.done) return undefined;
      this.#meter.countInput(next.value.byteLength);
      this.#rest = next.value;
    }
    const length = Math.min(most, STREAM_CHUNK_BYTES);
    // A copy: what is handed to the isolate must not drag the whole piece along.
    const piece = this.#rest.slice(0, length);
    this.#rest = this.#rest.subarray(length);
    return piece;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#meter.countOutput(bytes.byteLength);
    this.#started.resolve();
    await this.#writer.write(bytes).catch((cause: unknown) => this.#meter.callerGone(cause));
  }

  finish(outcome: SandboxOutcome): SandboxOutcome {
    return this.#meter.finish(outcome);
  }

  /** Ends the answer that is on its way: whole with the rest of the output, or broken off. */
  async end({ output, failure }: SandboxOutcome): Promise<void> {
    await this.#reader?.cancel().catch(() => undefined); // whoever sends has no more reader, whether it hears or not
    if (failure) return this.#writer.abort(new Error(failure.code));
    if (output && output.byteLength > 0) await this.#writer.write(output);
    await this.#writer.close();
  }
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
