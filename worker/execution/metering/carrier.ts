import type { Edit, Region } from "./edits.ts";
import { EditKind } from "./edits.ts";
import type { FunctionPlan } from "./scan.ts";
import type { CodeWriter } from "./writer.ts";

/** Globals of the module whose number changes, because imported ones are put in front of them. */
export interface MovedGlobals {
  /** First of them; Infinity where none moves. */
  readonly from: number;
  readonly by: number;
}

/** Where the globals are that the rewriter adds. */
export interface MeterGlobals {
  readonly fuel: number;
  readonly depth: number;
  /** Not exported and not mutable: reading it takes three bytes where the constant takes ten. */
  readonly poison: number;
  /** Pages of the last growth that was refused. */
  readonly refusedPages: number;
  /** Pages by which all modules of the package may still grow; undefined where the module counts alone. */
  readonly sparePages: number | undefined;
  readonly moved: MovedGlobals;
}

/** Writes one function: how its fuel and depth are held, and with that how each edit looks. */
export interface Carrier {
  /** Declarations of locals, and what stands in front of the first instruction. */
  open(): void;
  /** Takes a cost; with a check, stops the guest where the fuel is gone. */
  charge(cost: number, checked: boolean): void;
  /**
   * Takes a cost without a check where the fuel is looked at next: at the next edit of {@link TAKES_FUEL}, or at the end of
   * the function. False where this carrier wants a charge at once.
   */
  owe(cost: number): boolean;
  /** Replaces the bytes of any edit but a charge. */
  replace(edit: Edit): void;
  /** Everything from the function's own `end` on. */
  close(): void;
  /** Pushes the fuel that is left. */
  pushFuel(): void;
  /** Number of the first of the plan's `profileLocals`. */
  readonly profileLocal: number;
}

/** What the writing of a module's functions amounted to. */
export interface EmissionCounts {
  regions: number;
  checks: number;
}

/**
 * Bounds for what one pass through a function can use without a check: the units of all its regions but those with a
 * check, whether they are passed one after the other or not. Loops that repeat and entries are checked anyway; beyond the
 * first bound every region that is not tiny is, beyond the second one every region.
 *
 * So a guest stops at most 262,144 units behind the end of its fuel, and 256 more for each small function without a check
 * that is called on the way (see UNCHECKED_COST; a call costs 12 itself): 6 million units, or 0.6 ms, at the very worst.
 */
const UNCHECKED_BOUND = 131_072;
const UNCHECKED_BOUND_TINY = 262_144;
const TINY_REGION_COST = 16;

/** Edits that begin with pushing the fuel, whatever comes of it. */
const TAKES_FUEL = new Set<number>([
  EditKind.call,
  EditKind.callImport,
  EditKind.callIndirect,
  EditKind.callReference,
  EditKind.return,
  EditKind.returnCall,
  EditKind.returnCallImport,
  EditKind.returnCallLeaf,
  EditKind.returnCallIndirect,
  EditKind.returnCallReference,
  EditKind.throw,
  EditKind.length,
]);
/** Edits that have nothing to do with fuel. */
const PASSES = new Set<number>([EditKind.local, EditKind.global, EditKind.functionReference]);

/**
 * True where the cost of a region can be taken together with the fuel itself: something in the same region, before any
 * other begins, pushes the fuel anyway. Nothing leads around that place from the beginning of the region, or it would not
 * be in the same one; what traps on the way leaves no fuel to be known.
 * @param at  position of the region's charge
 */
function isTakenFurtherOn({ edits, endRegion }: FunctionPlan, at: number, region: Region): boolean {
  let next = at + 1;
  while (PASSES.has(edits[next]?.kind ?? -1)) next++;
  const edit = edits[next];
  if (edit === undefined) return endRegion === region;
  return TAKES_FUEL.has(edit.kind) && edit.within === region;
}

/** Writes the body of a planned function behind what the writer holds, without its size. */
export function emitBody(
  bytes: Uint8Array,
  plan: FunctionPlan,
  carrier: Carrier,
  code: CodeWriter,
  counts: EmissionCounts,
): void {
  carrier.open();
  let from = plan.codeStart;
  let unchecked = 0;
  for (const [at, edit] of plan.edits.entries()) {
    if (edit.kind === EditKind.charge && edit.region?.cost === 0) continue;
    if (edit.start > from) code.copy(bytes, from, edit.start);
    from = edit.end;
    if (edit.kind === EditKind.global) {
      code.byte(bytes[edit.start] ?? 0);
      code.u32(edit.index);
      continue;
    }
    if (edit.region === null) {
      carrier.replace(edit);
      continue;
    }
    const { kind, cost, repeated } = edit.region;
    const bound = cost > TINY_REGION_COST ? UNCHECKED_BOUND : UNCHECKED_BOUND_TINY;
    const checked = repeated || (kind === "entry" && plan.checksEntry) || unchecked + cost > bound;
    if (checked) counts.checks++;
    else unchecked += cost;
    counts.regions++;
    if (checked || !isTakenFurtherOn(plan, at, edit.region) || !carrier.owe(cost)) carrier.charge(cost, checked);
  }
  code.copy(bytes, from, plan.end - 1);
  carrier.close();
}
