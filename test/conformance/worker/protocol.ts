import type { Grants } from "../../../sdk/contract/grants.ts";
import type { SandboxCall, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";

/** What crosses between the suite and its worker, as JSON; bytes in base64. */

/** A call with what it may ask of the platform; nothing where it is not said. */
export interface HostedCall extends SandboxCall {
  readonly grants?: Grants;
}

/** One after the other; all at once; or all in one call of the host, which makes them at once. */
export type CallOrder = "in turn" | "overlapping" | "together";

export interface CallRequest {
  /** Exported class of the program in the isolate. */
  readonly entrypoint: string;
  readonly calls: readonly (Omit<HostedCall, "input" | "randomSeed"> & {
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
