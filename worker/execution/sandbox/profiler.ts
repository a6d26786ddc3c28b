import { classifyFuel, METERING_EXPORTS, PROFILE_EXPORTS, PROFILE_HOOKS } from "../../../sdk/contract/metering-abi.ts";
import type { CallPaths, CallProfile, FunctionTotals } from "../../../sdk/contract/profile.ts";

/** Exports of profile-kernel.wat that the host calls itself. */
interface ProfileKernelExports {
  readonly memory: WebAssembly.Memory;
  begin(fuel: bigint): void;
  finish(fuel: bigint): void;
  nodes(): number;
  slots(): number;
}

/** Layout of the kernel's memory; see there. */
const NODES = { start: 655_360, bytes: 40, function: 0, parent: 4, self: 24, calls: 32 } as const;
const SLOTS = { start: 3_276_800, bytes: 16, self: 0, calls: 8 } as const;

function addressOf(layout: typeof NODES | typeof SLOTS, index: number, field: number): number {
  return layout.start + index * layout.bytes + field;
}

/** The profile of one call of a module that was rewritten for it. */
export class Profiler {
  readonly #kernel: WebAssembly.Exports;
  readonly #exports: ProfileKernelExports;
  #guest: WebAssembly.Exports | undefined;

  /** @param module  profile-kernel.wat */
  constructor(module: WebAssembly.Module) {
    this.#kernel = new WebAssembly.Instance(module).exports;
    this.#exports = this.#kernel as unknown as ProfileKernelExports; // built together with this file
  }

  /**
   * Connects an instance before anything of it runs.
   *
   * @param fuel  what the call begins with
   */
  attach(guest: WebAssembly.Exports, fuel: number): void {
    const hooks = guest[PROFILE_EXPORTS.hooks] as WebAssembly.Table; // the rewriter's
    for (const [place, name] of PROFILE_HOOKS.entries()) hooks.set(place, this.#kernel[name]);
    this.#exports.begin(BigInt(fuel));
    this.#guest = guest;
  }

  /**
   * Closes the profile of a call that has ended, and reads it.
   *
   * @param fuelLeft  by the books of the call
   */
  finish(fuelLeft: number): CallProfile {
    if (this.#guest !== undefined) this.#exports.finish(this.#trulyLeft(this.#guest, fuelLeft));
    const paths = this.#readPaths();
    return {
      fuel: paths.self.reduce((sum, self) => sum + self, 0),
      paths,
      functions: this.#readFunctions(),
    };
  }

  /** After a trap the books count the whole budget as used, because the metered module cannot say; this one can. */
  #trulyLeft(guest: WebAssembly.Exports, fuelLeft: number): bigint {
    const [fuel, depth, noted] = [METERING_EXPORTS.fuel, METERING_EXPORTS.depth, PROFILE_EXPORTS.fuel].map(
      (name) => (guest[name] as WebAssembly.Global).value as bigint | number, // the rewriter's
    );
    const state = classifyFuel(BigInt(fuel ?? 0), Number(depth));
    if (state !== "poisoned" && state !== "depth") return BigInt(fuelLeft);
    return BigInt(Math.max(Number(noted), 0));
  }

  #readPaths(): CallPaths {
    const count = this.#exports.nodes();
    const view = new DataView(this.#exports.memory.buffer);
    const int = (index: number, field: number): number => view.getInt32(addressOf(NODES, index, field), true);
    const long = (index: number, field: number): number =>
      Number(view.getBigInt64(addressOf(NODES, index, field), true));
    return {
      functions: Int32Array.from({ length: count }, (_, index) => int(index, NODES.function)),
      parents: Int32Array.from({ length: count }, (_, index) => int(index, NODES.parent)),
      self: Float64Array.from({ length: count }, (_, index) => long(index, NODES.self)),
      calls: Float64Array.from({ length: count }, (_, index) => long(index, NODES.calls)),
    };
  }

  #readFunctions(): FunctionTotals {
    const view = new DataView(this.#exports.memory.buffer);
    const long = (slot: number, field: number): number => Number(view.getBigInt64(addressOf(SLOTS, slot, field), true));
    // Slot 0 belongs to the call as a whole.
    const called = Array.from({ length: this.#exports.slots() - 1 }, (_, index) => index).filter(
      (index) => long(index + 1, SLOTS.calls) > 0,
    );
    return {
      functions: Int32Array.from(called),
      self: Float64Array.from(called, (index) => long(index + 1, SLOTS.self)),
      calls: Float64Array.from(called, (index) => long(index + 1, SLOTS.calls)),
    };
  }
}
