import { FIRST_PREFIX, LAST_PREFIX, OPCODE_FEATURES, OPERANDS, Operands, PREFIX_SPAN, opcodeText } from "./opcodes.ts";
import { STRUCTURE_LIMITS } from "./module.ts";
import { ByteReader } from "./reader.ts";
import { WasmRefusal } from "./refusal.ts";
import { EMPTY_BLOCK, skipHeapType, skipValueType, V128, type TypeContext } from "./value-types.ts";

/** How many entries each index space has. An instruction that names an index beyond them is refused. */
export interface IndexSpaces extends TypeContext {
  functions: number;
  tables: number;
  memories: number;
  globals: number;
  /** How many of them are imported; these come first. */
  importedGlobals: number;
  tags: number;
  elements: number;
  data: number;
}

const MEMORY_INDEX_FLAG = 0x40;

/**
 * Reads one instruction after the other and checks every index it names, except labels, which need the control stack.
 * The checks matter: indices are appended when a module is rewritten, so an index that is out of range in the input
 * could be in range in the output.
 */
export class InstructionReader extends ByteReader {
  readonly spaces: IndexSpaces;
  /** Parameters and locals of the function being read. */
  locals = 0;
  /** Declared locals among them that are vectors. */
  vectorLocals = 0;
  /** Offset of the instruction read last. */
  start = 0;
  /** Its first index or label; for a block type the type index, or -1 for an empty or one-value block. */
  first = 0;
  /** Its second index, where it has two. */
  second = 0;
  /** Offset of the last constant expression that reads a global of the module itself, -1 where none does. */
  ownGlobalInConstant = -1;
  /** Labels of a `br_table` or of the clauses of a `try_table`. */
  labels: number[] = [];

  constructor(bytes: Uint8Array, spaces: IndexSpaces) {
    super(bytes);
    this.spaces = spaces;
  }

  /**
   * Reads the declarations of locals at the start of a function body.
   * @returns the number of declared locals, parameters not counted
   */
  readLocals(parameterCount: number): number {
    const offset = this.position;
    const groups = this.count("groups of locals", STRUCTURE_LIMITS.locals, 2);
    let declared = 0;
    this.vectorLocals = 0;
    for (let i = 0; i < groups; i++) {
      const count = this.u32();
      declared += count;
      if (skipValueType(this, this.spaces) === V128) this.vectorLocals += count;
    }
    this.locals = parameterCount + declared;
    if (this.locals > STRUCTURE_LIMITS.locals) {
      const detail = `a function has ${this.locals} locals, the limit is ${STRUCTURE_LIMITS.locals}`;
      throw new WasmRefusal("WASM_LIMIT", detail, offset);
    }
    return declared;
  }

  /** Reads an instruction with its operands; returns its opcode number (see opcodes.ts). */
  next(): number {
    this.start = this.position;
    let opcode = this.byte();
    if (opcode >= FIRST_PREFIX && opcode <= LAST_PREFIX) opcode = this.#prefixed(opcode);
    const feature = OPCODE_FEATURES[opcode];
    if (feature !== undefined && feature > 0 && this.spaces.features.seen[feature] === 0) {
      this.spaces.features.noteNumber(feature, this.start);
    }
    this.#operands(opcode);
    return opcode;
  }

  #prefixed(prefix: number): number {
    const number = this.u32();
    if (number >= PREFIX_SPAN) this.#unknown(`0x${prefix.toString(16)} 0x${number.toString(16)}`);
    return 256 + (prefix - FIRST_PREFIX) * PREFIX_SPAN + number;
  }

  #unknown(text: string): never {
    throw new WasmRefusal("WASM_UNSUPPORTED", `unknown instruction ${text}`, this.start);
  }

  /** Operands of the common instructions; the rest is left to the next function to keep this one small and hot. */
  #operands(opcode: number): void {
    switch (OPERANDS[opcode] ?? Operands.unknown) {
      case Operands.none:
        return;
      case Operands.local:
        this.first = this.#index(this.locals, "local");
        return;
      case Operands.memoryArgument:
        this.#memoryArgument();
        return;
      case Operands.int32:
        this.skipLeb(5);
        return;
      case Operands.int64:
        this.skipLeb(10);
        return;
      case Operands.label:
        this.first = this.u32();
        return;
      case Operands.blockType:
        this.first = this.#blockType();
        return;
      case Operands.function:
        this.first = this.#index(this.spaces.functions, "function");
        return;
      case Operands.global:
        this.first = this.#index(this.spaces.globals, "global");
        return;
      case Operands.typeTable:
        this.first = this.#index(this.spaces.typeCount, "type");
        this.second = this.#index(this.spaces.tables, "table");
        if (this.second > 0) this.spaces.features.note("reference-types", this.start);
        return;
      default:
        this.#otherOperands(opcode);
    }
  }

  #otherOperands(opcode: number): void {
    const operands = OPERANDS[opcode] ?? Operands.unknown;
    switch (operands) {
      case Operands.float32:
        return this.skip(4);
      case Operands.float64:
        return this.skip(8);
      case Operands.sixteenBytes:
        return this.skip(16);
      case Operands.lane:
        return this.skip(1);
      case Operands.fence:
        return this.skip(1);
      case Operands.memoryArgumentLane:
        this.#memoryArgument();
        return this.skip(1);
      case Operands.labels:
        return this.#branchTable();
      case Operands.heapType:
        return skipHeapType(this, this.spaces);
      case Operands.valueTypes:
        return this.#valueTypes();
      case Operands.tryTable:
        return this.#tryTable();
      case Operands.castBranch:
        return this.#castBranch();
      case Operands.unknown:
        return this.#unknown(opcodeText(opcode));
      default:
        return this.#indices(operands);
    }
  }

  /** Instructions whose operands are one or two indices. */
  #indices(operands: number): void {
    const { typeCount, tags, tables, memories, data, elements } = this.spaces;
    switch (operands) {
      case Operands.type:
        this.first = this.#index(typeCount, "type");
        return;
      case Operands.tag:
        this.first = this.#index(tags, "tag");
        return;
      case Operands.table:
        this.first = this.#index(tables, "table");
        return;
      case Operands.memory:
        this.first = this.#index(memories, "memory");
        return;
      case Operands.data:
        this.first = this.#index(data, "data segment");
        return;
      case Operands.element:
        this.first = this.#index(elements, "element segment");
        return;
      case Operands.dataMemory:
        return this.#pair(data, "data segment", memories, "memory");
      case Operands.memoryMemory:
        return this.#pair(memories, "memory", memories, "memory");
      case Operands.elementTable:
        return this.#pair(elements, "element segment", tables, "table");
      case Operands.tableTable:
        return this.#pair(tables, "table", tables, "table");
      case Operands.typeNumber:
        return this.#pair(typeCount, "type", Infinity, "number");
      case Operands.typeData:
        return this.#pair(typeCount, "type", data, "data segment");
      case Operands.typeElement:
        return this.#pair(typeCount, "type", elements, "element segment");
      default:
        return this.#pair(typeCount, "type", typeCount, "type");
    }
  }

  #index(count: number, what: string): number {
    const index = this.u32();
    if (index >= count) this.malformed(`${what} ${index} does not exist`, this.start);
    return index;
  }

  #pair(firstCount: number, firstWhat: string, secondCount: number, secondWhat: string): void {
    this.first = this.#index(firstCount, firstWhat);
    this.second = this.#index(secondCount, secondWhat);
  }

  /** Alignment, optional memory index (multi-memory proposal), offset. */
  #memoryArgument(): void {
    const flags = this.u32();
    if (flags >= 2 * MEMORY_INDEX_FLAG) this.malformed(`unknown memory flags ${flags}`, this.start);
    if ((flags & MEMORY_INDEX_FLAG) !== 0) {
      this.spaces.features.note("multi-memory", this.start);
      this.first = this.#index(this.spaces.memories, "memory");
    } else {
      this.first = 0;
      if (this.spaces.memories === 0) this.malformed("memory 0 does not exist", this.start);
    }
    this.skipLeb(10);
  }

  #blockType(): number {
    const byte = this.peek();
    if (byte === EMPTY_BLOCK) {
      this.position++;
      return -1;
    }
    if (byte > EMPTY_BLOCK && byte < 0x80) {
      skipValueType(this, this.spaces);
      return -1;
    }
    // A 33-bit number that is not negative: the same bytes as an unsigned 32-bit one, but never 0x40 in the last byte.
    const index = this.#index(this.spaces.typeCount, "type");
    if (((this.bytes[this.position - 1] ?? 0) & 0x40) !== 0) this.malformed("block type is negative", this.start);
    this.spaces.features.note("multi-value", this.start);
    return index;
  }

  #branchTable(): void {
    const count = this.count("labels", 65_520);
    this.labels.length = 0;
    for (let i = 0; i <= count; i++) this.labels.push(this.u32());
  }

  #valueTypes(): void {
    const count = this.count("types of a select", 1_000);
    for (let i = 0; i < count; i++) skipValueType(this, this.spaces);
  }

  #tryTable(): void {
    this.first = this.#blockType();
    const count = this.count("catch clauses", 10_000, 2);
    this.labels.length = 0;
    for (let i = 0; i < count; i++) this.labels.push(this.#catchLabel());
  }

  #catchLabel(): number {
    const kind = this.byte();
    if (kind > 3) this.malformed(`unknown catch clause ${kind}`, this.position - 1);
    if (kind < 2) this.#index(this.spaces.tags, "tag");
    return this.u32();
  }

  #castBranch(): void {
    const flags = this.byte();
    if (flags > 3) this.malformed(`unknown cast flags ${flags}`, this.position - 1);
    this.first = this.u32();
    skipHeapType(this, this.spaces);
    skipHeapType(this, this.spaces);
  }
}
