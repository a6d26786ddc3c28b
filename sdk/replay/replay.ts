import type { LogLine, SandboxFailure } from "../contract/sandbox.ts";

/** Where a recording and what it ran come from. */
export interface ReplaySource {
  /** As it was downloaded; docs/recording.md. */
  readonly recording: Uint8Array;
  /** A module or the files that the call ran, by SHA-256; asked for only where nothing stands in for them. */
  part(digest: string): Promise<Uint8Array>;
  /** A module, as it would be uploaded, that stands in for the recorded one. */
  readonly plugin?: Uint8Array;
}

/** A recorded call, run again in this process. */
export interface LocalReplay {
  readonly executionId: string;
  readonly pluginId: string;
  readonly version: string;
  readonly functionName: string;
  readonly capturedFor: "failure" | "sample";
  /** True where the very module ran that was recorded. */
  readonly sameModule: boolean;
  /** True where capability calls, output bytes, fuel, failure and logs are equal. */
  readonly same: boolean;
  readonly differences: readonly ReplayDifference[];
  readonly recorded: ReplayedRun;
  readonly replayed: ReplayedRun;
}

export interface ReplayDifference {
  readonly what: "output" | "fuel" | "failure" | "logs" | "hostCalls";
  readonly recorded: string | number | null;
  readonly replayed: string | number | null;
  /** What is known that explains it. */
  readonly because?: string;
}

export interface ReplayedRun {
  readonly sandboxDigest: string;
  readonly rewriterVersion: string;
  readonly output: {
    readonly digest: string;
    readonly byteLength: number;
    readonly bytes: Uint8Array | undefined;
  } | null;
  readonly failure: Pick<SandboxFailure, "code" | "detail"> | null;
  readonly fuel: number;
  readonly memoryBytes: number;
  readonly hostCalls: number;
  readonly logs: readonly LogLine[];
}
