import { readFileSync } from "node:fs";
import path from "node:path";
import wabt from "wabt";
import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import { PROFILE_FUNCTIONS, type CallProfile } from "../../../sdk/contract/profile.ts";
import type { MeteringPolicy } from "../../../worker/execution/metering/rewrite.ts";
import { Profiler } from "../../../worker/execution/sandbox/profiler.ts";
import { Guest, POLICY, type CallOutcome, type Imports } from "../metering/guest.ts";

const tools = await wabt();

/** profile-kernel.wat as the build assembles it. */
export const PROFILE_KERNEL = assemble("worker/execution/sandbox/profile-kernel.wat");

function assemble(file: string): WebAssembly.Module {
  const text = readFileSync(path.resolve(import.meta.dirname, "../../..", file), "utf8");
  const parsed = tools.parseWat(path.basename(file), text);
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  return new WebAssembly.Module(new Uint8Array(buffer));
}

export interface CallSetting {
  readonly imports?: Imports;
  readonly policy?: Partial<MeteringPolicy>;
  readonly fuel?: bigint;
  readonly depth?: number;
  /** Runs the start function first. */
  readonly start?: boolean;
  /** Sees the instance before anything of it runs. */
  readonly attached?: (exports: WebAssembly.Exports) => void;
}

export interface ProfiledCall {
  readonly outcome: CallOutcome;
  readonly profile: CallProfile;
}

/** Calls one export of a new, profiled instance. Fuel that the books do not know counts as used up, as in the sandbox. */
export function profiledCall(
  source: string | Uint8Array,
  name: string,
  values: readonly unknown[] = [],
  options: CallSetting = {},
): ProfiledCall {
  const { imports = {}, policy = {}, fuel = 10n ** 12n, depth = POLICY.callDepth } = options;
  const guest = new Guest(source, imports, { ...policy, profile: { firstFunction: 0 } });
  const profiler = new Profiler(PROFILE_KERNEL);
  profiler.attach(guest.exports, Number(fuel));
  options.attached?.(guest.exports);
  let budget = fuel;
  if (options.start === true) budget -= guest.call(METERING_EXPORTS.start, [], budget, depth).used;
  const outcome = guest.call(name, values, budget, depth);
  const left = budget - outcome.used;
  return { outcome, profile: profiler.finish(outcome.state === "ok" ? Number(left) : 0) };
}

/** Each path as `a > b > c`, with the fuel of its own and the calls. */
export function pathsOf({ paths }: CallProfile): Record<string, [self: number, calls: number]> {
  const names: string[] = [];
  const found: Record<string, [number, number]> = {};
  for (const [node, index] of paths.functions.entries()) {
    const parent = names[paths.parents[node] ?? 0] ?? "";
    const name = index === PROFILE_FUNCTIONS.remainder ? "..." : String(index);
    names[node] = node === 0 ? "" : parent === "" ? name : `${parent} > ${name}`;
    if (node > 0) found[names[node]] = [paths.self[node] ?? NaN, paths.calls[node] ?? NaN];
  }
  return found;
}

/** Fails unless the parts of a profile add up, and to the given sum. */
export function problemsOf(profile: CallProfile, fuel: number): string[] {
  const { paths, functions } = profile;
  const problems: string[] = [];
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
  if (profile.fuel !== fuel) problems.push(`the paths have ${profile.fuel}, not ${fuel}`);
  if (sum(functions.self) + (paths.self[0] ?? 0) !== fuel) problems.push(`functions have ${sum(functions.self)}`);
  if (sum(functions.calls) !== sum(paths.calls)) problems.push(`${sum(functions.calls)} calls, ${sum(paths.calls)}`);
  if (paths.self.some((self) => self < 0)) problems.push("a path has less than nothing");
  if (functions.self.some((self) => self < 0)) problems.push("a function has less than nothing");
  return problems;
}
