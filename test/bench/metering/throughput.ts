/**
 * How fast modules are read and rewritten: `node --expose-gc test/bench/metering/throughput.ts [file.wasm …]`. Without
 * files it measures a module of 50 MB, two thirds of it code, put together from the functions of the kernels.
 */
import { readFileSync } from "node:fs";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import { parseModule } from "../../../worker/execution/metering/parse.ts";
import { FeatureLog } from "../../../worker/execution/metering/features.ts";
import { rewriteModule } from "../../../worker/execution/metering/rewrite.ts";
import { ByteReader } from "../../../worker/execution/metering/reader.ts";
import { ByteWriter } from "../../../worker/execution/metering/writer.ts";
import { SectionId } from "../../../worker/execution/metering/sections.ts";
import { compileKernels } from "./kernels.ts";

const POLICY = { memoryPages: 65_536, tableElements: 10_000_000, callDepth: 10_240 };
const MEGABYTE = 1e6;
const REPEATS = 5;
/** Flags of a passive data segment. */
const PASSIVE = Uint8Array.of(1);

/** The given module with its functions repeated up to a size, and with that much data behind them. */
function enlarged(bytes: Uint8Array, codeBytes: number, dataBytes: number): Uint8Array<ArrayBuffer> {
  const { shape } = parseModule(bytes, new FeatureLog());
  const section = (id: number): Uint8Array => {
    const found = shape.sections.known.find((candidate) => candidate.id === id);
    return found ? bytes.subarray(found.start, found.end) : new Uint8Array();
  };
  const bodies = bytes.subarray(firstBody(shape.bodies), shape.bodies.at(-1));
  const repeats = Math.ceil(codeBytes / bodies.length);
  const functions = shape.bodies.length / 2;
  const output = new ByteWriter(codeBytes + dataBytes + MEGABYTE);
  output.copy(bytes, 0, 8);
  for (const { id } of shape.sections.known) {
    const contents = new ByteWriter();
    if (id === SectionId.function) {
      contents.u32(repeats * functions);
      for (let i = 0; i < repeats * functions; i++) {
        contents.u32(shape.functionTypes[shape.importedFunctions + (i % functions)] ?? 0);
      }
    } else if (id === SectionId.code) {
      contents.u32(repeats * functions);
      for (let i = 0; i < repeats; i++) contents.copy(bodies);
    } else if (id === SectionId.dataCount) contents.u32(shape.dataCount + 1);
    else if (id === SectionId.data) {
      const original = new ByteReader(section(id));
      contents.u32(original.u32() + 1);
      contents.copy(original.bytes, original.position);
      contents.copy(PASSIVE);
      contents.u32(dataBytes);
      contents.copy(new Uint8Array(dataBytes));
    } else contents.copy(section(id));
    output.byte(id);
    output.u32(contents.length);
    output.copy(contents.view());
  }
  return Uint8Array.from(output.view());
}

/** Offset of the size in front of the first body. */
function firstBody(bodies: Uint32Array): number {
  const start = bodies[0] ?? 0;
  const size = (bodies[1] ?? 0) - start;
  return start - (size < 0x80 ? 1 : size < 0x4000 ? 2 : 3);
}

function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function report(name: string, bytes: Uint8Array): void {
  const times: number[] = [];
  let result = rewriteModule(bytes, POLICY);
  let peak = 0;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    globalThis.gc?.();
    const before = heldBytes();
    const start = performance.now();
    result = rewriteModule(bytes, POLICY);
    const chunks = result.chunks[Symbol.iterator]();
    while (chunks.next().done !== true) peak = Math.max(peak, heldBytes() - before);
    times.push(performance.now() - start);
  }
  const start = performance.now();
  inspectModule(bytes);
  const inspected = performance.now() - start;
  const speed = (time: number): string => `${(bytes.length / MEGABYTE / (time / 1_000)).toFixed(1)} MB/s`;
  process.stdout.write(
    `${name}: ${(bytes.length / MEGABYTE).toFixed(1)} MB, first ${speed(times[0] ?? 1)}, best ${speed(Math.min(...times))}` +
      ` (${Math.min(...times).toFixed(0)} ms), growth ${result.report.codeGrowth.toFixed(3)}, held at most` +
      ` ${(peak / MEGABYTE).toFixed(0)} MB beyond the input, inspected at ${speed(inspected)}\n`,
  );
}

const files = process.argv.slice(2);
for (const file of files) report(file, new Uint8Array(readFileSync(file)));
if (files.length === 0) report("50 MB", enlarged(await compileKernels(), 33 * MEGABYTE, 17 * MEGABYTE));
