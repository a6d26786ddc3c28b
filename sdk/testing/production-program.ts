import type { ExecutionContext, SandboxCall, SandboxOutcome } from "../contract/sandbox.ts";
import type { Grants } from "../contract/grants.ts";
import type { Limits } from "../contract/limits.ts";
import type { HostAnswer, HostRequest } from "../contract/user-functions.ts";
import type { Inspection, PackageForm } from "../inspection/inspection.ts";
import type { PluginProfile } from "../profile/profile.ts";
import type { LocalReplay, ReplaySource } from "../replay/replay.ts";
import type { Finding, Metric, OutgoingWebhook, PublishedMessage } from "./effects.ts";

/**
 * What the harness asks of the platform's own program: rewriter, sandbox, bridge and capabilities as they are in production, bundled
 * for Node by the build. Only what is behind them differs: objects keep their state in SQLite in memory, and what leaves goes
 * to the test.
 */
export interface ProductionProgram {
  /**
   * @param module  the plugin as it is uploaded
   * @throws {PlatformError} what an upload is refused for
   */
  openPlugin(module: Uint8Array, limits: Limits, compile: Compile): Promise<ProductionPlugin>;
  readonly requestCapability: CapabilityRequest;
  /**
   * Does with a package what an upload does, up to the database, and stores nothing.
   *
   * @param tenantId  whose upload it would be: it decides which plugin ids are allowed
   */
  inspectUpload(form: PackageForm, tenantId: string): Promise<Inspection>;
  /**
   * Runs a recorded call again, with recorded answers of capabilities.
   *
   * @throws {PlatformError} RECORDING_UNREADABLE, RECORDING_NOT_FOUND
   */
  replayRecording(source: ReplaySource, compile: Compile): Promise<LocalReplay>;
}

/** The platform itself cannot compile modules: its loader does. */
export type Compile = (module: Uint8Array<ArrayBuffer>) => Promise<WebAssembly.Module>;

export interface ProductionPlugin {
  call(call: SandboxCall, host: CallHost): Promise<CallResult>;
  /** The same, with the same outcome, and with where the fuel went. */
  profile(call: SandboxCall, host: CallHost): Promise<ProfiledResult>;
}

/** One capability call as the plugin would make it, but for the test: with every grant. */
export type CapabilityRequest = (
  host: CallHost,
  context: ExecutionContext,
  request: HostRequest,
) => Promise<HostAnswer>;

/** What is behind the capabilities of one test host. */
export interface CallHost {
  readonly grants: Grants;
  readonly backend: Backend;
  /** Filters of the topics that the manifest names. */
  readonly publishes: readonly string[];
  /** Services that other plugins would provide. */
  readonly services: Readonly<Record<string, (input: Uint8Array, caller: ExecutionContext) => Promise<Uint8Array>>>;
}

export interface Backend {
  now(): number;
  newId(): string;
  randomBytes(length: number): Uint8Array<ArrayBuffer>;
  /** Every request that leaves, token requests and DNS lookups not among them. */
  fetch(request: Request): Promise<Response>;
  /** Storage of an object, by class and name; the same for the same names. As a Durable Object has it. */
  storage(object: string, name: string): object;
  /** Contents of files, by key. */
  readonly contents: Map<string, Uint8Array<ArrayBuffer>>;
  readonly tokens: Readonly<Record<string, string>>;
  publish(message: PublishedMessage): void;
  send(webhook: OutgoingWebhook): void;
  raise(finding: Finding): void;
}

export interface CallResult {
  readonly outcome: SandboxOutcome;
  readonly exchanges: readonly { readonly request: HostRequest; readonly answer: HostAnswer }[];
  readonly metrics: readonly Metric[];
}

export interface ProfiledResult extends CallResult {
  readonly profile: PluginProfile;
}
