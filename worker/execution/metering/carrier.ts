import type { Edit } from "./edits.ts";
import { EditKind } from "./edits.ts";
import type { FunctionPlan } from "./scan.ts";
import type { CodeWriter } from "./writer.ts";

/** Where the two globals are that the rewriter appends. */
export interface MeterGlobals {
  readonly fuel: number;
  readonly depth: number;
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
}

/** What the writing of a module's functions amounted to. */
export interface EmissionCounts {
  regions: number;
  checks: number;
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
  for (const edit of plan.edits) {
    if (edit.kind === EditKind.charge && edit.region?.cost === 0) continue;
    if (edit.start > from) code.copy(bytes, from, edit.start);
    from = edit.end;
    if (edit.region === null) {
      carrier.replace(edit);
      continue;
    }
    const { kind, cost, repeated } = edit.region;
    const checked = repeated || (kind === "entry" && plan.checksEntry) || cost > plan.checksRegionsAbove;
    counts.regions++;
    if (checked) counts.checks++;
    carrier.charge(cost, checked);
  }
  code.copy(bytes, from, plan.end - 1);
  carrier.close();
}
