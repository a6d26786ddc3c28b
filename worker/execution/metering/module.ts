import type { FeatureLog } from "./features.ts";
import type { IndexSpaces } from "./instructions.ts";
import type { SectionTable } from "./sections.ts";

/** Kinds of imports and exports; the position is the number in the binary format. */
export const EXTERNAL_KINDS = ["function", "table", "memory", "global", "tag"] as const;
export type ExternalKind = (typeof EXTERNAL_KINDS)[number];

/** A function type: the bytes of its value types, as they stand in the module. */
export interface FunctionType {
  readonly parameterCount: number;
  readonly parameters: Uint8Array;
  readonly resultCount: number;
  readonly results: Uint8Array;
}

export interface SizeLimits {
  readonly minimum: number;
  /** Null where the module states none. */
  readonly maximum: number | null;
  readonly shared: boolean;
  /** Indices are 64 bits wide. */
  readonly wide: boolean;
}

export interface MemoryShape extends SizeLimits {
  readonly imported: boolean;
}

export interface TableShape extends SizeLimits {
  readonly imported: boolean;
  /** Bytes of the reference type of its elements. */
  readonly element: Uint8Array;
  /** Bytes from the element type up to the limits, and the initialiser behind them: copied as they are. */
  readonly head: readonly [start: number, end: number];
  readonly initialiser: readonly [start: number, end: number];
}

export interface ImportShape {
  readonly module: string;
  readonly name: string;
  readonly kind: ExternalKind;
  /** Type index of a function, -1 for other kinds. */
  readonly type: number;
}

export interface ExportShape {
  readonly name: string;
  readonly kind: ExternalKind;
  readonly index: number;
  /** Byte offset of the entry. */
  readonly offset: number;
}

/** A function index that stands outside function bodies, with the bytes it takes: rewriting may replace it. */
export interface FunctionReference {
  readonly start: number;
  readonly end: number;
  readonly functionIndex: number;
}

/** Everything but the function bodies, checked and held in a form that inspection and rewriting share. */
export interface ModuleShape {
  readonly bytes: Uint8Array;
  readonly sections: SectionTable;
  readonly features: FeatureLog;
  readonly spaces: IndexSpaces;
  /** Entries of the type section; a recursion group is one entry with several types. */
  typeEntries: number;
  /** Null for types that are not functions. */
  readonly types: (FunctionType | null)[];
  readonly imports: ImportShape[];
  importedFunctions: number;
  /** Type index of every function, imported ones first. */
  functionTypes: Uint32Array;
  readonly tables: TableShape[];
  readonly memories: MemoryShape[];
  /** A global, imported or not, may hold a function reference. */
  functionGlobals: boolean;
  readonly exports: ExportShape[];
  /** Function index of the start section, or -1. */
  start: number;
  readonly elementReferences: FunctionReference[];
  readonly globalReferences: FunctionReference[];
  readonly tableReferences: FunctionReference[];
  /** Value of the data count section, or -1. */
  dataCount: number;
  /** Start and end offset of every function body, alternating. */
  bodies: Uint32Array;
  /** Bytes that the data segments put into memory. */
  dataBytes: number;
}

/** Functions named outside of function bodies: only those may be the operand of a `ref.func` in a body. */
export function declaredReferences(shape: ModuleShape): Set<number> {
  const { elementReferences, globalReferences, tableReferences } = shape;
  const lists = [elementReferences, globalReferences, tableReferences];
  const declared = new Set(lists.flatMap((list) => list.map((reference) => reference.functionIndex)));
  for (const { kind, index } of shape.exports) if (kind === "function") declared.add(index);
  return declared;
}

/** Most entries of each kind: enough for the largest modules seen, small enough for the memory of an isolate. */
export const STRUCTURE_LIMITS = {
  types: 50_000,
  imports: 10_000,
  functions: 500_000,
  tables: 1_000,
  memories: 100,
  tags: 10_000,
  globals: 100_000,
  exports: 20_000,
  elementSegments: 100_000,
  dataSegments: 100_000,
  /** Bytes of one section other than code, data and custom ones: they are held as a whole, more than once. */
  sectionBytes: 8 * 1024 * 1024,
  /** Function indices in all element segments, or in all globals, together. */
  functionReferences: 200_000,
  /** Parameters or results of one type, before rewriting adds two. */
  signature: 990,
  /** Locals and parameters of one function, before rewriting adds four; V8 stops at 50,000. */
  locals: 49_990,
  /** Bytes of one function body; V8's limit. */
  bodyBytes: 7_654_321,
} as const;
