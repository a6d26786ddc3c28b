import { emitBody, type Carrier, type EmissionCounts } from "./carrier.ts";
import type { ModuleShape } from "./module.ts";
import { STRUCTURE_LIMITS } from "./module.ts";
import { WasmRefusal } from "./refusal.ts";
import type { FunctionPlan, FunctionScanner } from "./scan.ts";
import { ByteWriter, CodeWriter } from "./writer.ts";

/** Rewritten code that is kept from the first pass; what comes after it is written a second time when it is asked for. */
const KEPT_BYTES = 8 * 1024 * 1024;
export const CHUNK_BYTES = 1024 * 1024;
const FIRST_CHUNK_BYTES = 16 * 1024;

/** Writes the bodies of a module's functions, in two passes, so that a large output is never held as a whole. */
export class CodeBodies {
  /** Bytes of all bodies with their sizes; known after {@link measure}. */
  byteLength = 0;
  readonly counts: EmissionCounts = { regions: 0, checks: 0 };
  readonly #shape: ModuleShape;
  readonly #leafCosts: Int32Array;
  readonly #scanner: FunctionScanner;
  readonly #carrierFor: (plan: FunctionPlan, code: CodeWriter) => Carrier;
  readonly #body = new CodeWriter(4_096);
  readonly #size = new ByteWriter(8);
  readonly #kept: Uint8Array[] = [];
  /** First function that was not kept. */
  #resumeAt = 0;

  constructor(
    shape: ModuleShape,
    leafCosts: Int32Array,
    scanner: FunctionScanner,
    carrierFor: (plan: FunctionPlan, code: CodeWriter) => Carrier,
  ) {
    this.#shape = shape;
    this.#leafCosts = leafCosts;
    this.#scanner = scanner;
    this.#carrierFor = carrierFor;
  }

  /**
   * First pass: reads every function, finds what has to be appended, and how long the result is.
   * @param mostBytes  refuses a module whose bodies take more
   * @param abandon  asked after each function; true ends the pass, and nothing of it may be used
   */
  measure(mostBytes: number, abandon: () => boolean): void {
    const total = this.#shape.bodies.length / 2;
    const chunks = new ChunkBuffer();
    let keeping = true;
    for (let index = 0; index < total && !abandon(); index++) {
      const length = this.#write(index);
      this.byteLength += this.#size.length + length;
      if (this.byteLength > mostBytes) {
        throw new WasmRefusal("WASM_LIMIT", `the module has more than ${mostBytes} bytes after rewriting`, 0);
      }
      if (!keeping) continue;
      this.#kept.push(...this.#append(chunks));
      this.#resumeAt = index + 1;
      keeping = this.byteLength < KEPT_BYTES;
    }
    this.#kept.push(...chunks.rest());
  }

  /** Second pass: the bodies in chunks of about a mebibyte. May be run again. */
  *chunks(): Generator<Uint8Array> {
    yield* this.#kept;
    const chunks = new ChunkBuffer();
    const total = this.#shape.bodies.length / 2;
    for (let index = this.#resumeAt; index < total; index++) {
      this.#write(index);
      yield* this.#append(chunks);
    }
    yield* chunks.rest();
  }

  /** Writes one body and its size into the two buffers; returns the body's length. */
  #write(index: number): number {
    const body = this.#body;
    body.length = 0;
    const leafCost = this.#leafCosts[this.#shape.importedFunctions + index] ?? -1;
    const start = this.#shape.bodies[2 * index] ?? 0;
    if (leafCost >= 0) body.copy(this.#shape.bytes, start, this.#shape.bodies[2 * index + 1] ?? 0);
    else {
      const plan = this.#scanner.scan(index);
      emitBody(this.#shape.bytes, plan, this.#carrierFor(plan, body), body, this.counts);
    }
    if (body.length > STRUCTURE_LIMITS.bodyBytes) {
      const detail = `a function body has ${body.length} bytes after rewriting, the limit is ${STRUCTURE_LIMITS.bodyBytes}`;
      throw new WasmRefusal("WASM_LIMIT", detail, start);
    }
    this.#size.length = 0;
    this.#size.u32(body.length);
    return body.length;
  }

  #append(chunks: ChunkBuffer): Uint8Array[] {
    return [...chunks.append(this.#size.view()), ...chunks.append(this.#body.view())];
  }
}

/** Collects small pieces into chunks of one size. The first chunk grows up to it, so that a small module stays cheap. */
class ChunkBuffer {
  #chunk = new Uint8Array(0);
  #length = 0;
  #fewest = FIRST_CHUNK_BYTES;

  #reserve(count: number): void {
    const needed = Math.min(CHUNK_BYTES, this.#length + count);
    if (needed <= this.#chunk.length) return;
    const larger = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(2 * this.#chunk.length, needed, this.#fewest)));
    larger.set(this.#chunk.subarray(0, this.#length));
    this.#chunk = larger;
  }

  /** Copies a piece; returns the chunks that it filled. */
  append(piece: Uint8Array): Uint8Array[] {
    const full: Uint8Array[] = [];
    let from = 0;
    while (from < piece.length) {
      this.#reserve(piece.length - from);
      const count = Math.min(CHUNK_BYTES - this.#length, piece.length - from);
      this.#chunk.set(piece.subarray(from, from + count), this.#length);
      this.#length += count;
      from += count;
      if (this.#length < CHUNK_BYTES) continue;
      full.push(this.#chunk);
      this.#chunk = new Uint8Array(0);
      this.#length = 0;
      this.#fewest = CHUNK_BYTES;
    }
    return full;
  }

  /** What is left, as a last chunk of its own length. */
  rest(): Uint8Array[] {
    const rest = this.#chunk.subarray(0, this.#length);
    return rest.length === 0 ? [] : [rest];
  }
}
