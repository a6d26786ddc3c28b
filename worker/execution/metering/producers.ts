import { ByteReader } from "./reader.ts";
import { WasmRefusal } from "./refusal.ts";

/** One line of the "producers" custom section: which tool of which version made the module. */
export interface Producer {
  /** `language`, `processed-by` or `sdk`. */
  readonly field: string;
  readonly name: string;
  readonly version: string;
}

const MOST_PRODUCERS = 1_000;

/**
 * Reads a "producers" section (tool conventions, ProducersSection.md). A custom section cannot make a module
 * malformed, so a damaged one yields what was read before the damage.
 */
export function readProducers(bytes: Uint8Array, start: number, end: number): Producer[] {
  const producers: Producer[] = [];
  const reader = new ByteReader(bytes, start, end);
  try {
    const fields = reader.count("fields", MOST_PRODUCERS, 2);
    for (let i = 0; i < fields; i++) readField(reader, producers);
  } catch (error) {
    if (!(error instanceof WasmRefusal)) throw error;
  }
  return producers;
}

function readField(reader: ByteReader, producers: Producer[]): void {
  const field = reader.name();
  const values = reader.count("values", MOST_PRODUCERS, 2);
  for (let i = 0; i < values; i++) producers.push({ field, name: reader.name(), version: reader.name() });
}
