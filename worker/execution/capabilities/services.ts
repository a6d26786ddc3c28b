import type { PluginDatabase } from "../../../durable-objects/plugin-database/object.ts";
import type { PluginFiles } from "../../../durable-objects/plugin-files/object.ts";
import type { PluginStorage } from "../../../durable-objects/plugin-storage/object.ts";
import type { ExecutionContext } from "../../../sdk/contract/sandbox.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ulid.ts";
import type { NewMessage } from "../bus/rules.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Destination } from "./http/grant.ts";
import type { OAuthClient } from "./oauth/rules.ts";

/** The one way out for what plugins send. */
export interface Egress {
  /** `host:port` opened by the operator of the platform. */
  readonly privateHosts: ReadonlySet<string>;
  /**
   * Sends one hop to a destination that was allowed, after it has looked up what its name resolves to. Redirects are answers.
   *
   * @throws {PlatformError} EGRESS_REFUSED; UPSTREAM_UNREACHABLE; UPSTREAM_TIMED_OUT where the signal says so
   */
  send(destination: Destination, init: RequestInit & { readonly signal: AbortSignal }): Promise<Response>;
}

/** Values sealed before they leave the worker; what they are and whose is part of the seal. */
export interface ValueSealing {
  seal(value: Uint8Array, context: readonly string[]): Promise<Uint8Array>;
  /** @throws {PlatformError} VALUE_UNREADABLE */
  open(bytes: Uint8Array, context: readonly string[]): Promise<Uint8Array>;
}

/** The way to the message bus. */
export interface Bus {
  /** @throws {PlatformError} MESSAGE_TOO_LARGE, MESSAGE_HOPS_EXCEEDED, BUS_UNAVAILABLE */
  publish(snapshot: Snapshot, message: NewMessage): Promise<{ readonly id: string; readonly subscribers: number }>;
}

/** What a plugin sends to a webhook. */
export interface OutgoingMessage {
  readonly tenantId: string;
  readonly installId: string;
  readonly pluginId: string;
  /** The plugin's own, or one that was made. */
  readonly id: string;
  readonly event: string;
  readonly url: string;
  readonly contentType: string;
  readonly body: string;
}

export interface OutgoingWebhooks {
  /**
   * Writes down what is to be sent.
   *
   * @param most  deliveries that the install may have on their way
   * @returns `known` where there is one of that id; `full` where there are as many
   */
  queue(message: OutgoingMessage, most: number): Promise<"queued" | "known" | "full">;
}

export interface OAuthClients {
  find(
    owner: { readonly tenantId: string; readonly installId: string },
    provider: string,
  ): Promise<OAuthClient | undefined>;
}

/** What a plugin found. */
export interface Finding {
  readonly severity: "info" | "notice" | "warning" | "error";
  readonly title: string;
  readonly detail?: string | undefined;
}

/** What the platform wrote down about a plugin. */
export interface SecurityRecord {
  /** Of the tenant's log. */
  readonly sequence: number;
  readonly type: string;
  readonly data?: Readonly<Record<string, string | number | boolean | null>>;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface SecurityLog {
  /** Newest first. */
  read(
    call: ExecutionContext,
    log: "security" | "audit",
    page: { readonly before: number | undefined; readonly limit: number },
  ): Promise<readonly SecurityRecord[]>;
  /**
   * @param most  findings that the plugin may raise in an hour
   * @returns the event's id; undefined where it has raised as many
   */
  raise(call: ExecutionContext, finding: Finding, most: number): Promise<string | undefined>;
}

/** What capabilities need of the worker: bindings made into values. Composed in `worker/deps.ts`. */
export interface CapabilityServices {
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly randomBytes: (length: number) => Uint8Array<ArrayBuffer>;
  readonly egress: Egress;
  readonly storage: DurableObjectNamespace<PluginStorage>;
  readonly files: DurableObjectNamespace<PluginFiles>;
  /** Where the bytes of files are. */
  readonly bucket: R2Bucket;
  readonly databases: DurableObjectNamespace<PluginDatabase>;
  /** Seals what plugins store. */
  readonly values: ValueSealing;
  readonly bus: Bus;
  readonly webhooks: OutgoingWebhooks;
  readonly oauth: OAuthClients;
  readonly security: SecurityLog;
  /** Work that outlives the call. */
  readonly defer: (work: Promise<unknown>) => void;
}
