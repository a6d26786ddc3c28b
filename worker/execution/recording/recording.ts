import type { SandboxCall, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import { sha256Hex } from "../../lib/hex.ts";
import type { Exchange } from "../call-ledger.ts";
import type { SnapshotInstall } from "../snapshot.ts";

/**
 * What is kept of one call: everything that decides how it ends, and how it ended. A guest sees nothing else, so running
 * the same module with `call` again gives the same output and the same fuel.
 */
export interface Recording {
  readonly tenantId: string;
  readonly capturedFor: "failure" | "sample";
  readonly install: RecordedInstall;
  /** Build of the program inside the isolate. */
  readonly sandboxDigest: string;
  /** SHA-256 of the configuration with its names in order, so that two recordings can be compared without showing it. */
  readonly configDigest: string;
  readonly call: SandboxCall;
  /**
   * Capability calls with their answers, in order. Clock and randomness are in `call`. Undefined where they were too large to
   * keep: then the call cannot be run again.
   */
  readonly exchanges: readonly Exchange[] | undefined;
  readonly outcome: RecordedOutcome;
}

/** What chooses the code that ran; configuration and limits are those of the call. */
export type RecordedInstall = Pick<
  SnapshotInstall,
  "installId" | "pluginId" | "version" | "rewrittenDigest" | "rewriterVersion" | "moduleBytes" | "suspends" | "parts"
>;

export interface RecordedOutcome extends Omit<SandboxOutcome, "output"> {
  readonly output: RecordedOutput | undefined;
}

export interface RecordedOutput {
  /** SHA-256 of the whole output, hexadecimal. */
  readonly digest: string;
  /** Size of the whole output. */
  readonly byteLength: number;
  /** The output itself; undefined where it is larger than {@link OUTPUT_KEPT_BYTES}. */
  readonly bytes: Uint8Array | undefined;
}

/** Larger outputs are kept as digest and size, which is all that comparing needs. */
export const OUTPUT_KEPT_BYTES = 1024 * 1024;

export interface CapturedCall {
  readonly tenantId: string;
  readonly install: SnapshotInstall;
  readonly call: SandboxCall;
  readonly outcome: SandboxOutcome;
  readonly exchanges: readonly Exchange[] | undefined;
}

/** @param sandboxDigest  build of the sandbox program that ran the call */
export async function recordCall(
  captured: CapturedCall,
  capturedFor: Recording["capturedFor"],
  sandboxDigest: string,
): Promise<Recording> {
  const { installId, pluginId, version, rewrittenDigest, rewriterVersion, moduleBytes, suspends, parts } =
    captured.install;
  return {
    tenantId: captured.tenantId,
    capturedFor,
    install: {
      installId,
      pluginId,
      version,
      rewrittenDigest,
      rewriterVersion,
      moduleBytes,
      suspends,
      ...(parts ? { parts } : {}),
    },
    sandboxDigest,
    configDigest: await digestConfig(captured.call.config),
    call: captured.call,
    exchanges: captured.exchanges,
    outcome: await recordOutcome(captured.outcome),
  };
}

export async function recordOutcome({ output, ...rest }: SandboxOutcome): Promise<RecordedOutcome> {
  if (!output) return { ...rest, output: undefined };
  return {
    ...rest,
    output: {
      digest: await sha256Hex(output),
      byteLength: output.byteLength,
      bytes: output.byteLength <= OUTPUT_KEPT_BYTES ? output : undefined,
    },
  };
}

/** The install as the isolate needs it to run the recorded call again. */
export function recordedTarget({ install, call }: Recording): SnapshotInstall {
  return {
    ...install,
    state: "active",
    functions: [call.functionName],
    defaultFunction: undefined,
    limits: call.limits,
    config: call.config,
    grants: {},
  };
}

function digestConfig(config: Readonly<Record<string, string>>): Promise<string> {
  const names = Object.keys(config).sort();
  return sha256Hex(JSON.stringify(names.map((name) => [name, config[name]])));
}
