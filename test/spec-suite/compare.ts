import { rewriteModule, type MeteringPolicy } from "../../worker/execution/metering/rewrite.ts";
import { CALL_DEPTH, ScriptHost, type Load } from "./script-host.ts";

const POLICY: MeteringPolicy = { memoryPages: 65_536, tableElements: 10_000_000, callDepth: CALL_DEPTH };

/** The forms that are compared with the original. */
export const FORMS: Readonly<Record<string, MeteringPolicy>> = {
  chosen: POLICY,
  global: { ...POLICY, backend: "global" },
  /** Counters that the modules of a package share. */
  shared: { ...POLICY, sharedCounters: true },
};

export interface Comparison {
  /** Commands of the script. */
  commands: number;
  /** Commands whose outcome was compared and is the same. */
  same: number;
  /** Feature → commands that could not be compared, because a module they need was refused for it. */
  readonly refused: Map<string, number>;
  /** Commands that the runner does not carry out. */
  notRun: number;
  readonly differences: Difference[];
}

export interface Difference {
  readonly file: string;
  /** Number of the command in the script, from 0. */
  readonly at: number;
  readonly before: string;
  readonly after: string;
}

export function emptyComparison(): Comparison {
  return { commands: 0, same: 0, refused: new Map(), notRun: 0, differences: [] };
}

export type RunScript = (host: ScriptHost) => string[];

function rewritten(policy: MeteringPolicy): Load {
  return (bytes) => Uint8Array.from(Buffer.concat([...rewriteModule(bytes, policy).chunks]));
}

export function outcomesBefore(run: RunScript): string[] {
  return run(new ScriptHost((bytes) => Uint8Array.from(bytes)));
}

/** Runs a script on rewritten modules and adds to a comparison how it went next to the run on the originals. */
export function compareScript(
  file: string,
  run: RunScript,
  { before, policy }: { readonly before: readonly string[]; readonly policy: MeteringPolicy },
  total: Comparison,
): void {
  const after = run(new ScriptHost(rewritten(policy)));
  if (after.length !== before.length) throw new Error(`${file}: ${before.length} commands, then ${after.length}`);
  total.commands += before.length;
  for (const [at, outcome] of before.entries()) {
    const now = after[at] ?? "";
    const feature = /: refused: (.*)$/.exec(now)?.[1];
    if (outcome.includes(": not run: ")) total.notRun++;
    else if (now === outcome) total.same++;
    else if (feature !== undefined) total.refused.set(feature, (total.refused.get(feature) ?? 0) + 1);
    else total.differences.push({ file, at, before: outcome, after: now });
  }
}
