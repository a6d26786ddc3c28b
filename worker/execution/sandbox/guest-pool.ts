import { REUSE_BOUNDS } from "../../../sdk/contract/reuse.ts";
import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";
import type { Limits } from "../../../sdk/contract/limits.ts";
import { memoryBytes } from "./guest-modules.ts";
import { type Guest, newGuest } from "./guest.ts";
import { type KernelPool, LARGEST_KEPT } from "./kernel-pool.ts";
import type { PluginPackage } from "./plugin-package.ts";

/** What a program for one run exports; a library has the other, if it needs any. */
const COMMAND = "_start";
const LIBRARY = "_initialize";

/**
 * Instances between calls. A call that names no install to keep its instance for gets a new one, of which nothing remains.
 * One that does may find the instance of an earlier call of the same install, as that call left it, with a kernel
 * that was reset.
 */
export class GuestPool {
  readonly #kernels: KernelPool;
  readonly #kept: Guest[] = [];

  constructor(kernels: KernelPool) {
    this.#kernels = kernels;
  }

  /**
   * An instance that nobody else uses, or the makings of one.
   *
   * @param now  milliseconds, by the isolate's clock
   */
  take(plugin: PluginPackage, call: SandboxCall, now: number): Guest {
    const { kernelMemory } = call.limits;
    const guest = this.#takeKept(call, now) ?? newGuest(this.#kernels.take(kernelMemory), plugin, call, now);
    if (call.variables) guest.variables.restore(call.variables);
    guest.kernel.limitHeap(Math.max(0, kernelMemory - guest.variables.bytes));
    guest.calls += 1;
    return guest;
  }

  /**
   * Takes an instance back once it can run no more by itself. One whose host failed is not given back.
   *
   * @param endedWell  the function returned, and nothing stopped the guest
   */
  giveBack(guest: Guest, call: SandboxCall, endedWell: boolean, now: number): void {
    for (const { slot } of guest.modules) slot.sources = undefined;
    if (guest.calls === 1) guest.firstBytes = memoryBytes(guest.modules);
    if (endedWell && this.#kept.length < REUSE_BOUNDS.instances && mayServeAgain(guest, call, now)) {
      guest.kernel.reset();
      this.#kept.push(guest);
    } else {
      this.#kernels.giveBack(guest.kernel);
    }
  }

  /** The one kept, where it is for this call; otherwise its memory is wanted for the call's own. */
  #takeKept(call: SandboxCall, now: number): Guest | undefined {
    const guest = this.#kept.pop();
    if (!guest || isFor(guest, call, now)) return guest;
    this.#kernels.giveBack(guest.kernel);
    return undefined;
  }
}

function mayServeAgain(guest: Guest, { functionName, keepFor, limits }: SandboxCall, now: number): boolean {
  if (keepFor === undefined || guest.exports === undefined) return false;
  if (functionName === COMMAND || isCommand(guest.exports)) return false;
  if (guest.calls >= REUSE_BOUNDS.calls || isOld(guest, now)) return false;
  const room = limits.memory - guest.firstBytes;
  if (memoryBytes(guest.modules) > guest.firstBytes + room * REUSE_BOUNDS.share) return false;
  return guest.kernel.memoryBytes <= LARGEST_KEPT && hasRoom(guest, limits);
}

/** Linkers wrap each export of a command in its constructors and destructors, so that it serves one call. */
function isCommand(exports: WebAssembly.Exports): boolean {
  return Object.hasOwn(exports, COMMAND) && !Object.hasOwn(exports, LIBRARY);
}

/** What a plugin read of its configuration when it began may be anywhere in its memory. */
function isFor(guest: Guest, { config, keepFor, limits }: SandboxCall, now: number): boolean {
  const { madeFor } = guest;
  if (keepFor === undefined || madeFor.keepFor !== keepFor || isOld(guest, now)) return false;
  return isSame(madeFor.config, config) && hasRoom(guest, limits);
}

function isOld(guest: Guest, now: number): boolean {
  return now - guest.madeAt >= REUSE_BOUNDS.ageMs;
}

function hasRoom(guest: Guest, limits: Limits): boolean {
  return guest.variables.bytes <= limits.kernelMemory * REUSE_BOUNDS.share;
}

function isSame(a: SandboxCall["config"], b: SandboxCall["config"]): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}
