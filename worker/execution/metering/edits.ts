/** A stretch of code that is executed as a whole once its first instruction is; see control-flow.ts. */
export class Region {
  cost = 0;
  readonly kind: "entry" | "loop" | "conditional";
  /** The region from which this one is entered; null for the entry. */
  readonly parent: Region | null;
  /** Some branch goes back to the loop of this region. A loop without one is executed once, like a block. */
  repeated = false;

  constructor(kind: "entry" | "loop" | "conditional", parent: Region | null) {
    this.kind = kind;
    this.parent = parent;
  }
}

/** What has to be written differently from the original, whatever holds the fuel. */
export const EditKind = {
  /** Zero bytes wide: the cost of a region is taken. */
  charge: 0,
  /** A local whose number changes. */
  local: 1,
  /** A call of a metered function. */
  call: 2,
  /** A call of an imported function. */
  callImport: 3,
  callIndirect: 4,
  callReference: 5,
  return: 6,
  /** A tail call of a metered function. */
  returnCall: 7,
  /** A tail call of an imported function. */
  returnCallImport: 8,
  /** A tail call of a function that is charged to its callers. */
  returnCallLeaf: 9,
  returnCallIndirect: 10,
  returnCallReference: 11,
  /** throw, rethrow, throw_ref */
  throw: 12,
  /** catch, catch_all of the legacy proposal */
  catch: 13,
  /** An instruction whose work depends on a length, its topmost operand. */
  length: 14,
  /** ref.func */
  functionReference: 15,
  /** A global whose number changes. */
  global: 16,
  /** A call of a function that is charged to its callers. Planned for profiles only: nothing else changes it. */
  callLeaf: 17,
} as const;

/** One place of a function body that is written differently. Edits of a body are in the order of their bytes. */
export class Edit {
  /** A member of {@link EditKind}. */
  readonly kind: number;
  /** First byte replaced. */
  readonly start: number;
  /** First byte after what is replaced. */
  readonly end: number;
  /** Function, type, local, charging function or new number of a global, depending on the kind. */
  readonly index: number;
  /** Table of an indirect call. */
  readonly table: number;
  /** Region of a charge. */
  readonly region: Region | null;
  /** Region in which the edit stands; null in code that cannot be reached, and for a charge. */
  readonly within: Region | null;

  constructor(
    kind: number,
    start: number,
    end: number,
    index = 0,
    table = 0,
    region: Region | null = null,
    within: Region | null = null,
  ) {
    this.kind = kind;
    this.start = start;
    this.end = end;
    this.index = index;
    this.table = table;
    this.region = region;
    this.within = within;
  }
}
