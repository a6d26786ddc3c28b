import { WASM_PAGE_BYTES, type Limits } from "../../../sdk/contract/limits.ts";
import { classifyFuel, type FuelState, METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";

/** The counters of a metered instance (sdk/contract/metering-abi.ts). All entries of a call share one tank. */
export class FuelMeter {
  readonly #limits: Limits;
  #fuel: WebAssembly.Global | undefined;
  #depth: WebAssembly.Global | undefined;
  #refusedPages: WebAssembly.Global | undefined;
  /** What was left when the host took the fuel away. */
  #drainedAt: bigint | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /**
   * Fills the tank of an instance that has none of this call yet.
   *
   * @returns false where the module does not have the counters, so was not rewritten
   */
  attach(exports: WebAssembly.Exports): boolean {
    const fuel = ownExport(exports, METERING_EXPORTS.fuel);
    const depth = ownExport(exports, METERING_EXPORTS.depth);
    const refusedPages = ownExport(exports, METERING_EXPORTS.refusedPages);
    if (!(fuel instanceof WebAssembly.Global) || !(depth instanceof WebAssembly.Global)) return false;
    if (!(refusedPages instanceof WebAssembly.Global)) return false;
    fuel.value = BigInt(this.#limits.fuel);
    refusedPages.value = 0;
    this.#fuel = fuel;
    this.#depth = depth;
    this.#refusedPages = refusedPages;
    return true;
  }

  /** Bytes of the last growth of linear memory that was refused for the limit, 0 where none was. */
  refusedBytes(): number {
    return ((this.#attached(this.#refusedPages).value as number) >>> 0) * WASM_PAGE_BYTES; // an i32 global
  }

  /** To be called before each entry into the guest. */
  restoreDepth(): void {
    this.#attached(this.#depth).value = this.#limits.callDepth;
  }

  /**
   * Takes fuel while the guest waits in an import.
   *
   * @returns false, with the tank empty, where there was not enough
   */
  take(units: number): boolean {
    const fuel = this.#attached(this.#fuel);
    const left = (fuel.value as bigint) - BigInt(units); // an i64 global
    fuel.value = left < 0n ? -1n : left;
    return left >= 0n;
  }

  /** Takes all fuel away, so that the guest stops at its next check whatever it catches. */
  drain(): void {
    const fuel = this.#attached(this.#fuel);
    const left = fuel.value as bigint; // an i64 global
    if (left >= 0n) this.#drainedAt ??= left;
    fuel.value = -1n;
  }

  /** How the guest stands after an entry returned or trapped. Fuel the host took away is not fuel the guest used up. */
  state(): FuelState {
    if (this.#drainedAt !== undefined) return "ok";
    return classifyFuel(this.#attached(this.#fuel).value as bigint, this.#attached(this.#depth).value as number);
  }

  /** Fuel used so far; the whole budget where it ran out or a trap hides the true figure. */
  used(): number {
    const budget = this.#limits.fuel;
    if (this.#fuel === undefined) return 0;
    if (this.#drainedAt !== undefined) return budget - Number(this.#drainedAt);
    return this.state() === "ok" ? budget - Number(this.#fuel.value as bigint) : budget;
  }

  #attached(global: WebAssembly.Global | undefined): WebAssembly.Global {
    if (global === undefined) throw new Error("The meter has no instance yet.");
    return global;
  }
}

function ownExport(exports: WebAssembly.Exports, name: string): WebAssembly.ExportValue | undefined {
  return Object.hasOwn(exports, name) ? exports[name] : undefined;
}
