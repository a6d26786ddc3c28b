import type { SandboxCall, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";

/** What crosses between the suite and its worker, as JSON; bytes in base64. */

/** One after the other; all at once; or all in one call of the host, which makes them at once. */
export type CallOrder = "in turn" | "overlapping" | "together";

export interface CallRequest {
  /** Exported class of the program in the isolate. */
  readonly entrypoint: string;
  readonly calls: readonly (Omit<SandboxCall, "input" | "randomSeed"> & {
    readonly input: string;
    readonly randomSeed: string;
  })[];
  readonly order: CallOrder;
}

export interface CallAnswer {
  readonly outcome?: Omit<SandboxOutcome, "output"> & { readonly output: string | undefined };
  /** What the host itself threw; a plugin's failure is an outcome. */
  readonly hostError?: string;
}
