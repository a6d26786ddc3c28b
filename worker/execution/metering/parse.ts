import type { FeatureLog } from "./features.ts";
import { InstructionReader, type IndexSpaces } from "./instructions.ts";
import type { ModuleShape } from "./module.ts";
import { readCode, readData, readDataCount, readElements, readExports, readStart } from "./parse-contents.ts";
import {
  readFunctions,
  readGlobals,
  readImports,
  readMemories,
  readTables,
  readTags,
  readTypes,
} from "./parse-definitions.ts";
import { readSections, SectionId } from "./sections.ts";

type SectionReader = (reader: InstructionReader, shape: ModuleShape) => void;

const SECTION_READERS: Readonly<Record<number, SectionReader>> = {
  [SectionId.type]: readTypes,
  [SectionId.import]: readImports,
  [SectionId.function]: readFunctions,
  [SectionId.table]: readTables,
  [SectionId.memory]: readMemories,
  [SectionId.tag]: readTags,
  [SectionId.global]: readGlobals,
  [SectionId.export]: readExports,
  [SectionId.start]: readStart,
  [SectionId.element]: readElements,
  [SectionId.dataCount]: readDataCount,
  [SectionId.code]: readCode,
  [SectionId.data]: readData,
};

/**
 * Reads a module up to its function bodies. Every index is checked, every byte of every known section is accounted
 * for. Throws {@link WasmRefusal} only.
 * @returns the shape, and a reader bound to its index spaces with which the bodies can be read
 */
export function parseModule(
  bytes: Uint8Array,
  features: FeatureLog,
): { shape: ModuleShape; reader: InstructionReader } {
  const reader = new InstructionReader(bytes, emptySpaces(features));
  const shape = emptyShape(reader);
  for (const section of shape.sections.known) {
    reader.position = section.start;
    reader.limit = section.end;
    SECTION_READERS[section.id]?.(reader, shape);
    reader.expectEnd(`section ${section.id}`);
  }
  const declared = shape.functionTypes.length - shape.importedFunctions;
  if (2 * declared !== shape.bodies.length) {
    reader.malformed(`${declared} functions are declared and no code section is there`, bytes.length);
  }
  if (shape.dataCount > 0 && !shape.sections.known.some((section) => section.id === SectionId.data)) {
    reader.malformed(`${shape.dataCount} data segments are announced, 0 are there`, bytes.length);
  }
  return { shape, reader };
}

function emptySpaces(features: FeatureLog): IndexSpaces {
  const none = { functions: 0, tables: 0, memories: 0, globals: 0, tags: 0, elements: 0, data: 0 };
  return { typeCount: 0, features, importedGlobals: 0, ...none };
}

function emptyShape(reader: InstructionReader): ModuleShape {
  return {
    bytes: reader.bytes,
    sections: readSections(reader),
    features: reader.spaces.features,
    spaces: reader.spaces,
    typeEntries: 0,
    types: [],
    imports: [],
    importedFunctions: 0,
    functionTypes: new Uint32Array(0),
    tables: [],
    memories: [],
    functionGlobals: false,
    exports: [],
    start: -1,
    elementReferences: [],
    globalReferences: [],
    tableReferences: [],
    dataCount: -1,
    bodies: new Uint32Array(0),
    dataBytes: 0,
  };
}
