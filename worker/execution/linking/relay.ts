import { RELAY_TABLE, relayName, type LinkTarget } from "../../../sdk/contract/linking.ts";
import { Op } from "../metering/opcodes.ts";
import { SectionId } from "../metering/sections.ts";
import { F32, F64, FUNCREF, I32, I64, V128 } from "../metering/value-types.ts";
import { ByteWriter, CodeWriter } from "../metering/writer.ts";
import { splitSignature } from "./signature.ts";

/** A function that is called through the relay, with its type in the notation of the inspection. */
export interface RelayedFunction extends LinkTarget {
  readonly type: string;
}

const HEADER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const FUNCTION_TYPE = 0x60;
const EXPORTED = { function: 0, table: 1 } as const;
const HAS_MAXIMUM = 1;
const TYPE_BYTES: Readonly<Record<string, number>> = { i32: I32, i64: I64, f32: F32, f64: F64, v128: V128 };

/**
 * Makes the relay of a package (sdk/contract/linking.ts), not yet metered. The same functions give the same bytes.
 *
 * @param functions  in the order of their slots
 */
export function relayModule(functions: readonly RelayedFunction[]): Uint8Array<ArrayBuffer> {
  const signatures = functions.map(({ type }) => splitSignature(type));
  const parts = [
    vector(SectionId.type, signatures, (writer, { parameters, results }) => {
      writer.byte(FUNCTION_TYPE);
      writeTypes(writer, parameters);
      writeTypes(writer, results);
    }),
    vector(SectionId.function, functions, (writer, _function, slot) => writer.u32(slot)),
    vector(SectionId.table, [functions.length], (writer, size) => {
      writer.copy(Uint8Array.of(FUNCREF, HAS_MAXIMUM));
      writer.u32(size);
      writer.u32(size);
    }),
    exportSection(functions),
    vector(SectionId.code, signatures, (writer, { parameters }, slot) => {
      const body = callThroughSlot(parameters.length, slot);
      writer.u32(body.length);
      writer.copy(body);
    }),
  ];
  const module = new ByteWriter();
  module.copy(HEADER);
  for (const part of parts) module.copy(part);
  return Uint8Array.from(module.view());
}

function exportSection(functions: readonly RelayedFunction[]): Uint8Array {
  const entries = [
    { name: RELAY_TABLE, kind: EXPORTED.table, index: 0 },
    ...functions.map((target, slot) => ({ name: relayName(target), kind: EXPORTED.function, index: slot })),
  ];
  return vector(SectionId.export, entries, (writer, { name, kind, index }) => {
    writer.text(name);
    writer.byte(kind);
    writer.u32(index);
  });
}

function callThroughSlot(parameters: number, slot: number): Uint8Array {
  const code = new CodeWriter();
  code.u32(0);
  for (let parameter = 0; parameter < parameters; parameter++) code.localGet(parameter);
  code.i32Const(slot);
  code.byte(Op.callIndirect);
  code.u32(slot);
  code.u32(0);
  code.byte(Op.end);
  return code.bytes();
}

function writeTypes(writer: ByteWriter, types: readonly string[]): void {
  writer.u32(types.length);
  for (const type of types) {
    const byte = TYPE_BYTES[type];
    if (byte === undefined) throw new TypeError(`A value of type ${type} cannot cross a relay.`);
    writer.byte(byte);
  }
}

function vector<Item>(
  id: number,
  items: readonly Item[],
  write: (writer: ByteWriter, item: Item, index: number) => void,
): Uint8Array {
  const contents = new ByteWriter();
  contents.u32(items.length);
  for (const [index, item] of items.entries()) write(contents, item, index);
  const section = new ByteWriter();
  section.byte(id);
  section.u32(contents.length);
  section.copy(contents.view());
  return section.bytes();
}
