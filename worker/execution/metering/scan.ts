import type { MovedGlobals } from "./carrier.ts";
import { ControlFlow } from "./control-flow.ts";
import { COSTS, entryCost, IMPORT_CALL_COST } from "./costs.ts";
import { Edit, EditKind, type Region } from "./edits.ts";
import type { InstructionReader } from "./instructions.ts";
import type { LengthCharges } from "./length-charges.ts";
import { declaredReferences, type FunctionType, type ModuleShape } from "./module.ts";
import { Op, OPCODE_COUNT } from "./opcodes.ts";
import { WasmRefusal } from "./refusal.ts";
import { mayHoldFunction } from "./value-types.ts";

/** All that must be known of a function before its rewritten body can be written. */
export interface FunctionPlan {
  readonly functionIndex: number;
  readonly type: FunctionType;
  readonly typeIndex: number;
  readonly declaredLocals: number;
  /** Eight-byte words that the declared locals take. */
  readonly localWords: number;
  /** First byte of the declarations of locals, first byte of the instructions, first byte after the body. */
  readonly localsStart: number;
  readonly codeStart: number;
  readonly end: number;
  readonly edits: readonly Edit[];
  /** The charge at the function's entry has a check; that of a repeating loop always has. */
  readonly checksEntry: boolean;
  /** It calls something other than by tail call, so its frame stays while others are on top of it. */
  readonly keepsFrame: boolean;
  readonly makesTailCalls: boolean;
  readonly callsIndirectly: boolean;
  readonly hasTryTable: boolean;
  readonly branchesToFunction: boolean;
  /** Region that alone reaches the end of the function, null where none or more than one does. */
  readonly endRegion: Region | null;
  /** Locals of type i32 that the profile adds behind all others. */
  readonly profileLocals: number;
}

/** What the scan of a module's functions found beyond the functions themselves. */
export interface ScanFindings {
  /** Function references are used as values, so a function in a table may be one that the host sees. */
  usesReferences: boolean;
  /** Tail calls whose callee may be any function, host-visible ones included. */
  tailCallsIndirectly: boolean;
  tailCallsReferences: boolean;
}

/** Bounds for the memory that planning one function takes: about 30 MB and 5 MB. */
const MOST_EDITS = 250_000;
const MOST_FRAMES = 50_000;
/** Functions without calls and loops that cost at most this are not checked; their callers are. */
const UNCHECKED_COST = 256;

/** Opcode → 1 where {@link FunctionScanner} does more than add up costs. */
const SPECIAL = new Uint8Array(OPCODE_COUNT);
SPECIAL.fill(1, Op.unreachable, Op.catchAll + 1);
SPECIAL[0x01] = 0;
SPECIAL[Op.tryTable] = 1;
SPECIAL.fill(1, Op.localGet, Op.localTee + 1);
SPECIAL.fill(1, Op.globalGet, Op.tableSet + 1);
SPECIAL[Op.memoryGrow] = 1;
SPECIAL[Op.refFunc] = 1;
SPECIAL.fill(1, Op.brOnNull, Op.brOnNonNull + 1);
for (const opcode of [Op.memoryInit, Op.memoryCopy, Op.memoryFill, Op.tableInit, Op.tableCopy, Op.tableGrow]) {
  SPECIAL[opcode] = 1;
}
SPECIAL[Op.tableFill] = 1;

/** Reads function bodies and plans their rewriting. One scanner serves one function after the other. */
export class FunctionScanner {
  readonly findings: ScanFindings = { usesReferences: false, tailCallsIndirectly: false, tailCallsReferences: false };
  readonly #reader: InstructionReader;
  readonly #shape: ModuleShape;
  readonly #leafCosts: Int32Array;
  readonly #lengths: LengthCharges;
  readonly #declared: ReadonlySet<number>;
  /** Declared locals whose number changes: the first ones, up to this many. */
  readonly #movedLocals: number;
  readonly #movedGlobals: MovedGlobals;
  readonly #profiled: boolean;

  #edits: Edit[] = [];
  #flow: ControlFlow;
  #firstDeclared = 0;
  #lastMoved = 0;
  #keepsFrame = false;
  #makesTailCalls = false;
  #callsIndirectly = false;
  #hasTryTable = false;
  #hasCatch = false;

  constructor(
    reader: InstructionReader,
    shape: ModuleShape,
    leafCosts: Int32Array,
    lengths: LengthCharges,
    movedLocals: number,
    movedGlobals: MovedGlobals,
    profiled = false,
  ) {
    this.#reader = reader;
    this.#shape = shape;
    this.#leafCosts = leafCosts;
    this.#lengths = lengths;
    this.#declared = declaredReferences(shape);
    this.#movedLocals = movedLocals;
    this.#movedGlobals = movedGlobals;
    this.#profiled = profiled;
    this.#flow = new ControlFlow(reader, this.#edits, 0);
  }

  /** Plans a function with a body, given its index among those. */
  scan(bodyIndex: number): FunctionPlan {
    const reader: InstructionReader = this.#reader;
    const localsStart = (reader.position = this.#shape.bodies[2 * bodyIndex] ?? 0);
    const end = (reader.limit = this.#shape.bodies[2 * bodyIndex + 1] ?? 0);
    const functionIndex = this.#shape.importedFunctions + bodyIndex;
    const typeIndex = this.#shape.functionTypes[functionIndex] ?? -1;
    const type = this.#shape.types[typeIndex];
    if (!type) reader.malformed(`type ${typeIndex} is not a function type`);
    const declaredLocals = reader.readLocals(type.parameterCount);
    const codeStart = reader.position;
    this.#reset(type.parameterCount, declaredLocals);
    this.#readInstructions();
    reader.expectEnd("a function body");
    const { totalCost, repeats } = this.#flow.settle();
    return {
      functionIndex,
      type,
      typeIndex,
      declaredLocals,
      localWords: declaredLocals + reader.vectorLocals,
      localsStart,
      codeStart,
      end,
      edits: this.#edits,
      checksEntry: this.#keepsFrame || this.#makesTailCalls || repeats || totalCost > UNCHECKED_COST,
      keepsFrame: this.#keepsFrame,
      makesTailCalls: this.#makesTailCalls,
      callsIndirectly: this.#callsIndirectly,
      hasTryTable: this.#hasTryTable,
      branchesToFunction: this.#flow.branchesToFunction,
      endRegion: this.#flow.endRegion,
      profileLocals: this.#profiled && (this.#hasCatch || this.#hasTryTable) ? 1 : 0,
    };
  }

  #reset(parameters: number, declaredLocals: number): void {
    this.#edits = [];
    this.#flow = new ControlFlow(this.#reader, this.#edits, entryCost(parameters, declaredLocals));
    this.#firstDeclared = parameters;
    this.#lastMoved = parameters + Math.min(this.#movedLocals, declaredLocals) - 1;
    this.#keepsFrame = false;
    this.#makesTailCalls = false;
    this.#callsIndirectly = false;
    this.#hasTryTable = false;
    this.#hasCatch = false;
  }

  #readInstructions(): void {
    const reader = this.#reader;
    const flow = this.#flow;
    while (flow.depth > 0) {
      const opcode = reader.next();
      if (flow.current !== null) flow.current.cost += COSTS[opcode] ?? 0;
      if (SPECIAL[opcode] === 0) continue;
      if (opcode >= Op.localGet && opcode <= Op.localTee) this.#local();
      else if (opcode === Op.globalGet || opcode === Op.globalSet) this.#global();
      else if (opcode <= Op.return) this.#control(opcode);
      else if (opcode <= Op.returnCallRef) this.#call(opcode);
      else this.#other(opcode);
      if (this.#edits.length > MOST_EDITS || flow.depth > MOST_FRAMES) this.#refuseSize();
    }
  }

  #refuseSize(): never {
    const detail =
      this.#edits.length > MOST_EDITS
        ? `a function has more than ${MOST_EDITS} places to rewrite`
        : `a function has more than ${MOST_FRAMES} nested blocks`;
    throw new WasmRefusal("WASM_LIMIT", detail, this.#reader.start);
  }

  #edit(kind: number, index = 0, table = 0): void {
    const { start, position } = this.#reader;
    this.#edits.push(new Edit(kind, start, position, index, table, null, this.#flow.current));
  }

  #local(): void {
    const local = this.#reader.first;
    if (local >= this.#firstDeclared && local <= this.#lastMoved) this.#edit(EditKind.local, local);
  }

  #global(): void {
    const { from, by } = this.#movedGlobals;
    const global = this.#reader.first;
    if (global >= from) this.#edit(EditKind.global, global + by);
  }

  #control(opcode: number): void {
    const flow = this.#flow;
    switch (opcode) {
      case Op.unreachable:
        return flow.stop();
      case Op.block:
        return flow.block();
      case Op.loop:
        return flow.loop();
      case Op.if:
        return flow.if();
      case Op.else:
        return flow.else();
      case Op.try:
        return flow.try();
      case Op.catch:
        return this.#catch();
      case Op.throw:
      case Op.rethrow:
      case Op.throwRef:
        return this.#throw(opcode);
      case Op.end:
        return flow.end();
      case Op.return:
        this.#edit(EditKind.return);
        return flow.leave();
      default:
        return this.#branch(opcode);
    }
  }

  #catch(): void {
    this.#hasCatch = true;
    this.#edit(EditKind.catch);
    this.#flow.handler();
  }

  #throw(opcode: number): void {
    if (opcode === Op.rethrow) this.#flow.checkLabel(this.#reader.first);
    this.#edit(EditKind.throw);
    this.#flow.stop();
  }

  /** br, br_if, br_table, br_on_null, br_on_non_null */
  #branch(opcode: number): void {
    const flow = this.#flow;
    if (opcode === Op.brTable) {
      for (const label of this.#reader.labels) flow.branch(label);
      return flow.stop();
    }
    flow.branch(this.#reader.first);
    if (opcode === Op.br) flow.stop();
    else flow.split();
  }

  #call(opcode: number): void {
    const { first, second } = this.#reader;
    switch (opcode) {
      case Op.call:
        return this.#callDirectly(first);
      case Op.callIndirect:
        this.#keepsFrame = this.#callsIndirectly = true;
        return this.#edit(EditKind.callIndirect, first, second);
      case Op.callRef:
        this.#keepsFrame = this.findings.usesReferences = true;
        return this.#edit(EditKind.callReference, first);
      case Op.returnCall:
        this.#tailCallDirectly(first);
        break;
      case Op.returnCallIndirect:
        this.#makesTailCalls = this.#callsIndirectly = this.findings.tailCallsIndirectly = true;
        this.#edit(EditKind.returnCallIndirect, first, second);
        break;
      default:
        this.#makesTailCalls = this.findings.usesReferences = this.findings.tailCallsReferences = true;
        this.#edit(EditKind.returnCallReference, first);
    }
    this.#flow.leave();
  }

  #callDirectly(callee: number): void {
    const isImport = callee < this.#shape.importedFunctions;
    const leafCost = this.#leafCosts[callee] ?? -1;
    const { current } = this.#flow;
    if (current !== null) current.cost += isImport ? IMPORT_CALL_COST : Math.max(leafCost, 0);
    if (leafCost >= 0) {
      if (this.#profiled) this.#edit(EditKind.callLeaf, callee);
      return;
    }
    this.#keepsFrame = true;
    this.#edit(isImport ? EditKind.callImport : EditKind.call, callee);
  }

  #tailCallDirectly(callee: number): void {
    const isImport = callee < this.#shape.importedFunctions;
    const leafCost = this.#leafCosts[callee] ?? -1;
    const { current } = this.#flow;
    if (current !== null) current.cost += isImport ? IMPORT_CALL_COST : Math.max(leafCost, 0);
    this.#makesTailCalls = true;
    // An import may call back, and then this frame's caller is still there: it counts for the depth.
    if (isImport) this.#keepsFrame = true;
    if (isImport) this.#edit(EditKind.returnCallImport, callee);
    else this.#edit(leafCost >= 0 ? EditKind.returnCallLeaf : EditKind.returnCall, callee);
  }

  #other(opcode: number): void {
    const { first } = this.#reader;
    switch (opcode) {
      case Op.delegate:
        this.#flow.end();
        this.#flow.checkLabel(first);
        return;
      case Op.catchAll:
        return this.#catch();
      case Op.tryTable:
        this.#hasTryTable = true;
        for (const label of this.#reader.labels) this.#flow.branch(label);
        return this.#flow.block();
      case Op.brOnNull:
      case Op.brOnNonNull:
        return this.#branch(opcode);
      case Op.refFunc:
        if (!this.#declared.has(first)) this.#reader.malformed(`function ${first} is not declared for references`);
        this.findings.usesReferences = true;
        return this.#edit(EditKind.functionReference, first);
      default:
        return this.#tableOrLength(opcode);
    }
  }

  #tableOrLength(opcode: number): void {
    const { first, second } = this.#reader;
    const isTableAccess = opcode === Op.tableGet || opcode === Op.tableSet;
    if (isTableAccess || opcode === Op.tableGrow || opcode === Op.tableFill) {
      const element = this.#shape.tables[first]?.element[0] ?? 0;
      if (mayHoldFunction(element)) this.findings.usesReferences = true;
    }
    if (isTableAccess || this.#flow.current === null) return;
    this.#edit(EditKind.length, this.#lengths.functionFor(opcode, first, second));
  }
}

/**
 * True where no function in a table can be one that the host put there or can take out.
 * @param hideTables  exports of tables are left out
 */
export function tablesArePrivate(shape: ModuleShape, hideTables: boolean): boolean {
  const holdsFunctions = (table: number): boolean => mayHoldFunction(shape.tables[table]?.element[0] ?? 0);
  const imported = shape.tables.some((table, index) => table.imported && holdsFunctions(index));
  const exported = shape.exports.some((entry) => entry.kind === "table" && holdsFunctions(entry.index));
  const typed = shape.features.has("function-references");
  return !imported && !(exported && !hideTables) && !typed && !shape.functionGlobals;
}
