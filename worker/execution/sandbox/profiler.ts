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

function globalOf(guest: WebAssembly.Exports, name: string): WebAssembly.Global {
  return guest[name] as WebAssembly.Global; // the rewriter's
}

function addressOf(layout: typeof NODES | typeof SLOTS, index: number, field: number): number {
  return layout.start + index * layout.bytes + field;
}

/** The profile of one call of a plugin that was rewritten for it. */
export class Profiler {
  readonly #kernel: WebAssembly.Exports;
  readonly #exports: ProfileKernelExports;
  readonly #guests: WebAssembly.Exports[] = [];

  /** @param module  profile-kernel.wat */
  constructor(module: WebAssembly.Module) {
    this.#kernel = new WebAssembly.Instance(module).exports;
    this.#exports = this.#kernel as unknown as ProfileKernelExports; // built together with this file
  }

  /**
   * Connects an instance before anything of the plugin runs.
   *
   * @param fuel  what the call begins with
   */
  attach(guest: WebAssembly.Exports, fuel: number): void {
    const hooks = guest[PROFILE_EXPORTS.hooks] as WebAssembly.Table; // the rewriter's
    for (const [place, name] of PROFILE_HOOKS.entries()) hooks.set(place, this.#kernel[name]);
    globalOf(guest, PROFILE_EXPORTS.fuel).value = BigInt(fuel);
    if (this.#guests.length === 0) this.#exports.begin(BigInt(fuel));
    this.#guests.push(guest);
  }

  /**
   * Closes the profile of a call that has ended, and reads it.
   *
   * @param fuelLeft  by the books of the call
   */
  finish(fuelLeft: number): CallProfile {
    const [guest] = this.#guests;
    if (guest !== undefined) this.#exports.finish(this.#trulyLeft(guest, fuelLeft));
    const paths = this.#readPaths();
    return {
      fuel: paths.self.reduce((sum, self) => sum + self, 0),
      paths,
      functions: this.#readFunctions(),
    };
  }

  /**
   * After a trap the books count the whole budget as used, because the metered module cannot say; this one can. Fuel and depth
   * are the same in all instances; of the fuel noted, the least was noted last.
   */
  #trulyLeft(guest: WebAssembly.Exports, fuelLeft: number): bigint {
    const fuel = globalOf(guest, METERING_EXPORTS.fuel).value as bigint; // an i64 global
    const state = classifyFuel(fuel, Number(globalOf(guest, METERING_EXPORTS.depth).value));
    if (state !== "poisoned" && state !== "depth") return BigInt(fuelLeft);
    const noted = this.#guests.map((each) => Number(globalOf(each, PROFILE_EXPORTS.fuel).value));
    return BigInt(Math.max(Math.min(...noted), 0));
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
