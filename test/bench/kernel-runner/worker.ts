/**
 * Measures kernels, metered and not, in turn: runs in a Dynamic Worker, whose modules the bench sends. "same" is the
 * unmetered module a second time: what it differs by is noise.
 */
import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import type { KernelRequest, KernelTimes } from "../kernel-worker/protocol.ts";
import metered from "../../../dist/bench/metered.wasm";
import plain from "../../../dist/bench/plain.wasm";

/** One time is long enough for a clock of whole milliseconds. */
const LONG_ENOUGH_MS = 20;
const WARM_UP = 3;
const PLENTY = 2n ** 60n;
const CALL_DEPTH = 10_240;

type Kernel = (size: number) => number;

class Variant {
  readonly #exports: WebAssembly.Exports;
  readonly fuel: WebAssembly.Global | undefined;

  constructor(module: WebAssembly.Module) {
    this.#exports = new WebAssembly.Instance(module, importsOf(module)).exports;
    const { [METERING_EXPORTS.fuel]: fuel, [METERING_EXPORTS.depth]: depth } = this.#exports;
    this.fuel = fuel instanceof WebAssembly.Global ? fuel : undefined;
    if (this.fuel) this.fuel.value = PLENTY;
    if (depth instanceof WebAssembly.Global) depth.value = CALL_DEPTH;
    for (const name of [METERING_EXPORTS.start, "_initialize"]) {
      const start = this.#exports[name];
      if (typeof start === "function") start();
    }
  }

  run({ kernel, size }: KernelRequest, calls: number): number {
    const callee = this.#exports[kernel] as Kernel;
    let answer = 0;
    for (let call = 0; call < calls; call++) answer = callee(size);
    return answer;
  }
}

/** Every import answers zero: kernels ask nobody for anything while they run. */
function importsOf(module: WebAssembly.Module): WebAssembly.Imports {
  const imports: Record<string, Record<string, () => number>> = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => 0;
  return imports;
}

function timed(variant: Variant, request: KernelRequest, calls: number): number {
  const start = performance.now();
  variant.run(request, calls);
  return performance.now() - start;
}

function measure(request: KernelRequest): KernelTimes {
  const variants = { plain: new Variant(plain), same: new Variant(plain), metered: new Variant(metered) };
  const answers = Object.values(variants).map((variant) => variant.run(request, 1));
  if (new Set(answers).size !== 1) throw new Error(`${request.kernel} answers ${answers.join()}`);
  const before = variants.metered.fuel?.value as bigint;
  variants.metered.run(request, 1);
  const fuel = before - (variants.metered.fuel?.value as bigint);
  let calls = 1;
  // The least of three: one alone may have been interrupted.
  const least = (): number => Math.min(...[1, 2, 3].map(() => timed(variants.plain, request, calls)));
  while (least() < LONG_ENOUGH_MS) calls *= 2;
  const times = { plain: [] as number[], same: [] as number[], metered: [] as number[] };
  const names = ["plain", "same", "metered"] as const;
  for (let round = 0; round < request.rounds + WARM_UP; round++) {
    for (let at = 0; at < names.length; at++) {
      const name = names[(round + at) % names.length] ?? "plain";
      const time = timed(variants[name], request, calls);
      if (round >= WARM_UP) times[name].push(time);
    }
  }
  return { ...times, fuel: String(fuel), calls };
}

// The runtime finds a worker's handlers in its default export.
// oxlint-disable-next-line import/no-default-export
export default {
  async fetch(request: Request): Promise<Response> {
    return Response.json(measure(await request.json<KernelRequest>()));
  },
} satisfies ExportedHandler;
