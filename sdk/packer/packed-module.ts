import { SLOT_MODULE, type HostFunction } from "./engine-instance.ts";
import { segmentsOf } from "./memory-image.ts";
import {
  END,
  FUNCTION_KIND,
  I32,
  I64,
  join,
  name,
  PREAMBLE_BYTES,
  Reader,
  readSections,
  SECTION,
  section,
  signed,
  unsigned,
  type Section,
} from "./wasm-format.ts";

const PAGE = 65_536;
/** `unreachable`: a slot that nobody declared is never called. */
const TRAP = [3, 0, 0x00, END];

export interface Contents {
  /** Exports of the plugin, in the engine's order. */
  readonly functions: readonly string[];
  readonly hostFunctions: readonly HostFunction[];
  /** Memory of the engine, with the plugin loaded. */
  readonly memory: Uint8Array;
  /** Custom sections to add: name and content. */
  readonly notes: readonly (readonly [string, Uint8Array])[];
}

interface Imports {
  readonly count: number;
  readonly slots: number;
  /** All but the slots, as bytes. */
  readonly kept: Uint8Array;
  readonly slotType: number;
}

/**
 * Makes an engine and the memory of an instance of it into one module: its exports are the plugin's functions, its imports what the
 * plugin uses.
 */
export function packModule(engine: Uint8Array, contents: Contents): Uint8Array {
  const sections = readSections(engine);
  const imports = readImports(bodyOf(sections, SECTION.import));
  const [types, typeEntries] = readVector(bodyOf(sections, SECTION.type));
  const [functions] = readVector(bodyOf(sections, SECTION.function));
  const unused = imports.slots - contents.hostFunctions.length;
  const shapes = [...new Set(contents.hostFunctions.map(shapeOf))];
  const place = { imports, types, functions, unused, shapes, contents };
  const parts = sections.flatMap(({ id, body }): Uint8Array[] => {
    switch (id) {
      case SECTION.custom:
        return [];
      case SECTION.type:
        return [
          section(id, unsigned(types + 1 + shapes.length), typeEntries, [0x60, 0, 1, I32], ...shapes.map(typeOf)),
        ];
      case SECTION.import:
        return [importSection(place)];
      case SECTION.function:
        return [functionSection(place, body)];
      case SECTION.memory:
        return [section(id, [1, 0], unsigned(contents.memory.length / PAGE))];
      case SECTION.export:
        return [exportSection(place, body)];
      case SECTION.code:
        return [codeSection(place, body, invokeOf(sections))];
      case SECTION.data:
        return [dataSection(contents.memory)];
      case SECTION.dataCount:
        return [section(id, unsigned(segmentsOf(contents.memory).length))];
      default:
        return [section(id, body)];
    }
  });
  const notes = contents.notes.map(([title, note]) => section(SECTION.custom, name(title), note));
  return join([engine.subarray(0, PREAMBLE_BYTES), ...parts, ...notes]);
}

interface Place {
  readonly imports: Imports;
  /** How many types and functions the engine has itself. */
  readonly types: number;
  readonly functions: number;
  /** Slots that become functions of the module, before its others, so that no index changes. */
  readonly unused: number;
  readonly shapes: readonly string[];
  readonly contents: Contents;
}

function bodyOf(sections: readonly Section[], id: number): Uint8Array {
  const found = sections.find((candidate) => candidate.id === id);
  if (!found) throw new TypeError(`The engine has no section ${id}.`);
  return found.body;
}

/** Number of entries, and their bytes. */
function readVector(body: Uint8Array): [number, Uint8Array] {
  const reader = new Reader(body);
  const count = reader.unsigned();
  return [count, reader.rest];
}

function readImports(body: Uint8Array): Imports {
  const reader = new Reader(body);
  const count = reader.unsigned();
  const start = reader.at;
  let keptUntil = start;
  let slots = 0;
  let slotType = 0;
  for (let index = 0; index < count; index++) {
    const module = reader.name();
    reader.name();
    if (reader.byte() !== FUNCTION_KIND) throw new TypeError("The engine imports something that is not a function.");
    const type = reader.unsigned();
    if (module === SLOT_MODULE) {
      slots++;
      slotType = type;
    } else if (slots > 0) throw new TypeError("The slots are not the engine's last imports.");
    else keptUntil = reader.at;
  }
  return { count, slots, kept: body.subarray(start, keptUntil), slotType };
}

function shapeOf({ parameters, results }: HostFunction): string {
  return `${parameters}:${results}`;
}

function words(count: number): number[] {
  return [count, ...Array<number>(count).fill(I64)];
}

function typeOf(shape: string): number[] {
  const [parameters = 0, results = 0] = shape.split(":").map(Number);
  return [0x60, ...words(parameters), ...words(results)];
}

function importSection({ imports, types, unused, shapes, contents }: Place): Uint8Array {
  const used = contents.hostFunctions.map((entry) => [
    ...name(entry.module),
    ...name(entry.name),
    FUNCTION_KIND,
    ...unsigned(types + 1 + shapes.indexOf(shapeOf(entry))),
  ]);
  return section(SECTION.import, unsigned(imports.count - unused), imports.kept, ...used);
}

function functionSection({ imports, types, functions, unused, contents }: Place, body: Uint8Array): Uint8Array {
  const [, entries] = readVector(body);
  const stubs = Array.from({ length: unused }, () => unsigned(imports.slotType));
  const wrappers = contents.functions.map(() => unsigned(types));
  return section(SECTION.function, unsigned(unused + functions + wrappers.length), ...stubs, entries, ...wrappers);
}

function exportSection({ imports, functions, contents }: Place, body: Uint8Array): Uint8Array {
  const kept = readExports(body).filter((entry) => entry.name === "memory");
  const first = imports.count + functions;
  return section(
    SECTION.export,
    unsigned(kept.length + contents.functions.length),
    ...kept.map((entry) => [...name(entry.name), entry.kind, ...unsigned(entry.index)]),
    ...contents.functions.map((exported, at) => [...name(exported), FUNCTION_KIND, ...unsigned(first + at)]),
  );
}

interface Export {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

function readExports(body: Uint8Array): Export[] {
  const reader = new Reader(body);
  return Array.from({ length: reader.unsigned() }, () => ({
    name: reader.name(),
    kind: reader.byte(),
    index: reader.unsigned(),
  }));
}

function invokeOf(sections: readonly Section[]): number {
  const invoke = readExports(bodyOf(sections, SECTION.export)).find((entry) => entry.name === "invoke");
  if (!invoke) throw new TypeError("The engine does not export `invoke`.");
  return invoke.index;
}

/** Each function of the plugin is `() -> i32`: it invokes the engine with its index. */
function codeSection({ functions, unused, contents }: Place, body: Uint8Array, invoke: number): Uint8Array {
  const [, entries] = readVector(body);
  const stubs = Array.from({ length: unused }, () => TRAP);
  const wrappers = contents.functions.map((_, at) => {
    const code = [0, 0x41, ...signed(at), 0x10, ...unsigned(invoke), END];
    return [...unsigned(code.length), ...code];
  });
  return section(SECTION.code, unsigned(unused + functions + wrappers.length), ...stubs, entries, ...wrappers);
}

function dataSection(memory: Uint8Array): Uint8Array {
  const segments = segmentsOf(memory);
  const active = segments.flatMap(({ start, bytes }) => [
    [0, 0x41, ...signed(start), END, ...unsigned(bytes.length)],
    bytes,
  ]);
  return section(SECTION.data, unsigned(segments.length), ...active);
}
