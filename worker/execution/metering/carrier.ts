import type { Edit } from "./edits.ts";
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
 * Bounds for what one pass through a function can use without a check. Loops that repeat and entries are checked
 * anyway; beyond the first bound every region that is not tiny is, beyond the second one every region.
 */
const UNCHECKED_BOUND = 16_384;
const UNCHECKED_BOUND_TINY = 65_536;
const TINY_REGION_COST = 16;

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
  for (const edit of plan.edits) {
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
    carrier.charge(cost, checked);
  }
  code.copy(bytes, from, plan.end - 1);
  carrier.close();
}
