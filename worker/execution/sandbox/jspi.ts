/** JS Promise Integration (https://github.com/WebAssembly/js-promise-integration), which the runtime's types do not list yet. */
interface PromiseIntegration {
  /** Wraps an import so that the guest waits for the promise it returns. */
  readonly Suspending: new (run: (...parameters: never[]) => Promise<unknown>) => WebAssembly.ExportValue;
  /** Wraps an export so that it may wait, and returns a promise of its result. */
  readonly promising: (entry: WasmFunction) => (...parameters: number[]) => Promise<unknown>;
}

/** An exported function of an instance, as JavaScript sees it. */
export type WasmFunction = (...parameters: number[]) => unknown;

/** Read on use: a runtime without promise integration can still run plugins that never wait. */
export function promiseIntegration(): PromiseIntegration {
  return WebAssembly as unknown as PromiseIntegration; // the two members are there, only their types are missing
}
