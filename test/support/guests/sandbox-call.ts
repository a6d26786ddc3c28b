import { DEFAULT_LIMITS, type Limits, WASM_PAGE_BYTES } from "../../../sdk/contract/limits.ts";
import type { ExecutionContext, SandboxCall } from "../../../sdk/contract/sandbox.ts";
import { CONTEXT } from "./call-context.ts";
import { rewriteModule } from "../../../worker/execution/metering/rewrite.ts";

/** What a test says about a call; the rest has defaults. */
export interface CallOptions {
  readonly input?: string | Uint8Array;
  readonly config?: Readonly<Record<string, string>>;
  readonly limits?: Partial<Limits>;
  readonly logLevel?: number;
  readonly keepFor?: string;
  readonly now?: number;
  /** Whose call it is, where that matters. */
  readonly context?: Partial<ExecutionContext>;
}

/** Far ahead, so that nothing a test stores has expired for the alarms of objects, which go by the real clock. */
export const NOW = Date.UTC(2096, 0, 2, 3, 4, 5);

export function sandboxCall(functionName: string, options: CallOptions = {}): SandboxCall {
  const { input = "", config = {}, limits = {}, logLevel = 0 } = options;
  return {
    executionId: "01TEST",
    functionName,
    input: typeof input === "string" ? new TextEncoder().encode(input) : input,
    config,
    limits: { ...DEFAULT_LIMITS, ...limits },
    logLevel,
    now: options.now ?? NOW,
    ...(options.keepFor === undefined ? {} : { keepFor: options.keepFor }),
    randomSeed: Uint8Array.from({ length: 32 }, (_, index) => index),
    context: { ...CONTEXT, ...options.context, deadline: NOW + (limits.wallClock ?? DEFAULT_LIMITS.wallClock) },
  };
}

/** Rewrites a module as an install does. */
export function meteredBytes(bytes: Uint8Array, limits: Partial<Limits> = {}): Uint8Array<ArrayBuffer> {
  const { memory, tableEntries, callDepth } = { ...DEFAULT_LIMITS, ...limits };
  const policy = { memoryPages: Math.floor(memory / WASM_PAGE_BYTES), tableElements: tableEntries, callDepth };
  const { size, chunks } = rewriteModule(bytes, policy);
  const joined = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.byteLength;
  }
  return joined;
}
