import type { Capability } from "./capabilities.ts";
import type { ErrorCode, Issue } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { CallProfile } from "./profile.ts";
import type { Role } from "./roles.ts";

/** What crosses between the worker and the program inside a plugin's isolate. Structured-clonable data only. */

export interface SandboxCall {
  readonly executionId: string;
  /** Exported function of the plugin, `() -> ()` or `() -> i32`. */
  readonly functionName: string;
  readonly input: Uint8Array;
  /** Values for `config_get`; the host does not charge them to the author. */
  readonly config: Readonly<Record<string, string>>;
  /** Names of `config` whose value is JSON text; the others are strings as they are. */
  readonly configJsonNames?: readonly string[];
  readonly limits: Limits;
  /** Least severe level kept: 0 trace, 1 debug, 2 info, 3 warn, 4 error. */
  readonly logLevel: number;
  /** Milliseconds since the epoch; the guest's clock and the seed of its randomness are inputs, so a call can be replayed. */
  readonly now: number;
  readonly randomSeed: Uint8Array;
  readonly context: ExecutionContext;
  /**
   * The install, at one revision, whose next call may find the instance as this one leaves it (reuse.ts). Absent: the instance is
   * new, and dropped after the call.
   */
  readonly keepFor?: string;
  /** What the variables are when the call begins, in Base64, where they outlive it; absent: they begin empty and end with it. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** What a call that ended well has left in its variables. */
export interface VariableChanges {
  /** In Base64. */
  readonly set: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
}

/** For whom and why a call runs. A plugin reads it as JSON; nothing in it is secret. */
export interface ExecutionContext {
  readonly tenantId: string;
  /** Who called: the token's `sub` or the API key's id. */
  readonly subject: string;
  readonly roles: readonly Role[];
  readonly installId: string;
  readonly pluginId: string;
  readonly version: string;
  readonly executionId: string;
  readonly traceId: string;
  /** Milliseconds since the epoch at which the call is ended. */
  readonly deadline: number;
  /** Messages of the bus that led to this call; what it publishes carries the number on. Absent: none did. */
  readonly hops?: number;
  /** Plugin that calls a service of this one; absent: no plugin does. */
  readonly callingPlugin?: string;
  /** What middleware noted about the request, by name; absent: nothing. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface LogLine {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "stdout" | "stderr";
  readonly text: string;
}

/** What a call cost, known for failures too. */
export interface Usage {
  /** Weighted units; the whole budget where a trap hides the true figure. */
  readonly fuel: number;
  /** Largest linear memory plus kernel memory, in bytes. */
  readonly memoryBytes: number;
  readonly hostCalls: number;
}

/** What a call asked of one capability. */
export interface CapabilityUse {
  readonly capability: Capability;
  readonly calls: number;
  /** Of the calls, those refused for want of a grant or quota. */
  readonly refused: number;
  /** Hosts, topics or services asked for; the first 20. */
  readonly scopes: readonly string[];
  /** Bytes sent and received. */
  readonly bytes: number;
  /** Of the capability's quotas by name: the most that was used, or found held. Absent: nothing is known. */
  readonly peaks?: Readonly<Record<string, number>>;
  /** How many of the refused calls were refused with which error. Absent: none were. */
  readonly refusals?: Readonly<Record<string, number>>;
}

export interface SandboxFailure {
  readonly code: ErrorCode;
  /** One sentence; guest text is bounded to 4 KiB. */
  readonly detail: string;
  readonly limit?: { readonly name: string; readonly used: number; readonly allowed: number };
  /** What of an input or output does not fit its description, with JSON pointers into it. */
  readonly issues?: readonly Issue[];
  /** The guest's own exit code where it gave one. */
  readonly exitCode?: number;
  /** Why the call was not made, where a breaker refused it. */
  readonly breaker?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
}

export interface SandboxOutcome {
  readonly output: Uint8Array | undefined;
  readonly failure: SandboxFailure | undefined;
  readonly usage: Usage;
  readonly logs: readonly LogLine[];
  readonly logsTruncated: boolean;
  /**
   * Which call of its instance it was, from 1; absent where instances are not kept. Above 1 what the calls before left has
   * decided it too, so it cannot be replayed exactly.
   */
  readonly instanceCall?: number;
  /** Present after a call that was given variables and ended well. */
  readonly variables?: VariableChanges;
}

export interface ProfiledOutcome extends SandboxOutcome {
  readonly profile: CallProfile;
}

/** Names inside a plugin's isolate. The worker's loader call and the sandbox program must agree on them. */
export const SANDBOX_MODULES = {
  main: "sandbox.js",
  kernel: "kernel.wasm",
  plugin: "plugin.wasm",
  /** There only where the plugin's module is one that was rewritten for profiling. */
  profileKernel: "profile-kernel.wasm",
} as const;
/** Further names where the plugin consists of several parts; the program there loads them into the sandbox program. */
export const PACKAGE_MODULES = { main: "package.js", relay: "relay.wasm", files: "files.bin" } as const;
export const SANDBOX_ENTRYPOINT = "Sandbox";
/** Answers calls of a plugin that was rewritten for profiling. */
export const PROFILE_ENTRYPOINT = "ProfilingSandbox";
