import { Kernel } from "./kernel.ts";

/** Kernels kept for later calls. More are in use only while calls overlap. */
const MOST_KEPT = 8;
/** A kernel that grew beyond this is dropped, since memory never shrinks. Bytes. */
export const LARGEST_KEPT = 2 * 1024 * 1024;

/**
 * Kernels between calls. Making one costs as much as making the plugin's instance, and the kernel is our own code, whose
 * reset is proved.
 */
export class KernelPool {
  readonly #module: WebAssembly.Module;
  readonly #kept: Kernel[] = [];

  constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  /**
   * A clean kernel that nobody else holds.
   *
   * @param byteLimit  kernel memory of the call, in bytes
   */
  take(byteLimit: number): Kernel {
    const kernel = this.#kept.pop() ?? new Kernel(this.#module);
    kernel.limitHeap(byteLimit);
    return kernel;
  }

  /** Takes a kernel back once its guest can run no more. A kernel whose host failed is not given back. */
  giveBack(kernel: Kernel): void {
    if (this.#kept.length >= MOST_KEPT || kernel.memoryBytes > LARGEST_KEPT) return;
    kernel.reset();
    this.#kept.push(kernel);
  }
}
