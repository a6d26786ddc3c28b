import { readFile } from "node:fs/promises";
import type { Grants } from "../contract/grants.ts";
import { DEFAULT_LIMITS, type Limits } from "../contract/limits.ts";
import type { Validation } from "../contract/payloads/validate-payload.ts";
import type { ValidationMode } from "../contract/payloads/validation-modes.ts";
import { payloadOf } from "../contract/plugin-cases.ts";
import type { ExecutionContext, SandboxCall } from "../contract/sandbox.ts";
import type { PluginProfile } from "../profile/profile.ts";
import { PluginCall } from "./call-result.ts";
import type { Finding, OutgoingWebhook, PublishedMessage } from "./effects.ts";
import type { Backend, CallHost, ProductionPlugin, ProductionProgram } from "./production-program.ts";
import * as production from "./production-program.generated.js";
import { randomSource } from "./random-source.ts";
import { SqliteStorage } from "./sqlite-storage.ts";
import { StoredValues } from "./stored-values.ts";
import { enableRuntime } from "./runtime.ts";
import { checked, readValidation, type Described } from "./validation.ts";

const program: ProductionProgram = production;
const NOW = Date.UTC(2026, 0, 1);
const SEED_BYTES = 32;
const ID_DIGITS = 26;

export type Answering = (request: Request) => Response | Promise<Response>;

export interface HostOptions {
  /** The module, or the path of its file. */
  readonly plugin: Uint8Array | string | URL;
  /** What the plugin may do; nothing where nothing is said. The same object as in the API's grants. */
  readonly grants?: Grants;
  /** Settings: text as it is, anything else as JSON, as the platform passes them. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What is in the plugin's storage before its first call, by key: text and bytes as they are, anything else as JSON. */
  readonly storage?: Readonly<Record<string, unknown>>;
  /** Stands for the internet. A request where there is none fails the plugin's call as an unreachable host does. */
  readonly http?: Answering;
  /** Milliseconds since the epoch; the first of January 2026 where nothing is said. */
  readonly clock?: () => number;
  /** A whole number from which all randomness follows; 1 where nothing is said. */
  readonly random?: number;
  /** Services that other plugins would provide, by name. Input and output are JSON. */
  readonly services?: Readonly<Record<string, (input: unknown) => unknown>>;
  /** Access tokens of OAuth providers, by provider. */
  readonly oauth?: Readonly<Record<string, string>>;
  /** Topics that the plugin's manifest publishes to, as filters. */
  readonly publishes?: readonly string[];
  /**
   * What of a call is held against the manifest, as by an install's option: INPUT_INVALID before the plugin runs, OUTPUT_INVALID after.
   * `off` where nothing is said.
   */
  readonly validate?: ValidationMode;
  /** What is described: the manifest, or the path of its file. `manifest.json` beside the plugin's file where nothing is said. */
  readonly manifest?: Described | string | URL;
  readonly limits?: Partial<Limits>;
  readonly context?: Partial<ExecutionContext>;
}

/** A plugin on the platform's own host, in this process. */
export interface TestHost {
  /** @param input  text and bytes as they are, anything else as JSON, nothing as no input */
  call(functionName: string, input?: unknown, options?: { readonly limits?: Partial<Limits> }): Promise<PluginCall>;
  /** The same call in the form that tells where its fuel goes: slower, with the same outcome. */
  profile(functionName: string, input?: unknown): Promise<ProfiledCall>;
  /** What the plugin keeps. */
  readonly storage: StoredValues;
  /** What the plugin has published, sent and found so far. */
  readonly published: readonly PublishedMessage[];
  readonly webhooks: readonly OutgoingWebhook[];
  readonly findings: readonly Finding[];
}

export interface ProfiledCall {
  readonly call: PluginCall;
  readonly profile: PluginProfile;
}

/**
 * Opens a plugin for tests: rewritten, run and served by the code that runs in production, with storage in memory. Each host begins
 * empty; what calls of one host store, later calls find.
 *
 * @throws {PlatformError} what an upload of the module would be refused for
 */
export async function createHost(options: HostOptions): Promise<TestHost> {
  enableRuntime();
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const module = options.plugin instanceof Uint8Array ? options.plugin : await readFile(options.plugin);
  const plugin = await program.openPlugin(module, limits, (bytes) => WebAssembly.compile(bytes));
  const host = new OpenHost(options, limits, plugin, await readValidation(options));
  for (const [key, value] of Object.entries(options.storage ?? {})) await host.storage.set(key, value);
  return host;
}

class OpenHost implements TestHost {
  readonly published: PublishedMessage[] = [];
  readonly webhooks: OutgoingWebhook[] = [];
  readonly findings: Finding[] = [];
  readonly storage: StoredValues;
  readonly #options: HostOptions;
  readonly #limits: Limits;
  readonly #plugin: ProductionPlugin;
  readonly #validation: Validation | undefined;
  readonly #backend: Backend;
  #ids = 0;

  constructor(options: HostOptions, limits: Limits, plugin: ProductionPlugin, validation: Validation | undefined) {
    this.#options = options;
    this.#limits = limits;
    this.#plugin = plugin;
    this.#validation = validation;
    this.#backend = this.#newBackend();
    this.storage = new StoredValues((name, request, body) => {
      const deadline = this.#backend.now() + limits.wallClock;
      const context = { ...CONTEXT, ...options.context, executionId: this.#backend.newId(), deadline };
      const bytes = new TextEncoder().encode(JSON.stringify(request));
      return program.requestCapability(this.#callHost(), context, { name, request: bytes, body });
    });
  }

  async call(
    functionName: string,
    input?: unknown,
    { limits }: { limits?: Partial<Limits> } = {},
  ): Promise<PluginCall> {
    const { call, host } = this.#prepare(functionName, input, { ...this.#limits, ...limits });
    return new PluginCall(await checked(this.#validation, call, () => this.#plugin.call(call, host)));
  }

  async profile(functionName: string, input?: unknown): Promise<ProfiledCall> {
    const { call, host } = this.#prepare(functionName, input, this.#limits);
    const result = await this.#plugin.profile(call, host);
    return { call: new PluginCall(result), profile: result.profile };
  }

  #prepare(functionName: string, input: unknown, allowed: Limits): { call: SandboxCall; host: CallHost } {
    const now = this.#backend.now();
    const executionId = this.#backend.newId();
    const { texts, jsonNames } = settingsOf(this.#options.config ?? {});
    const call = {
      executionId,
      functionName,
      input: payloadOf(input),
      config: texts,
      configJsonNames: jsonNames,
      limits: allowed,
      logLevel: 0,
      now,
      randomSeed: this.#backend.randomBytes(SEED_BYTES),
      context: { ...CONTEXT, ...this.#options.context, executionId, deadline: now + allowed.wallClock },
    };
    return { call, host: this.#callHost() };
  }

  #callHost(): CallHost {
    return {
      grants: this.#options.grants ?? {},
      backend: this.#backend,
      publishes: this.#options.publishes ?? [],
      services: servicesOf(this.#options.services ?? {}),
    };
  }

  #newBackend(): Backend {
    const { clock = () => NOW, random = 1, http, oauth = {} } = this.#options;
    const randomBytes = randomSource(random);
    const storages = new Map<string, SqliteStorage>();
    return {
      now: clock,
      newId: () => String(++this.#ids).padStart(ID_DIGITS, "0"),
      randomBytes,
      fetch: async (request) => {
        if (!http) throw new Error("the test has no http");
        return await http(request);
      },
      storage: (object, name) => {
        const key = `${object} ${name}`;
        const storage = storages.get(key) ?? new SqliteStorage();
        storages.set(key, storage);
        return storage;
      },
      contents: new Map(),
      tokens: oauth,
      publish: (message) => void this.published.push(message),
      send: (webhook) => void this.webhooks.push(webhook),
      raise: (finding) => void this.findings.push(finding),
    };
  }
}

/** For whom calls run where the test does not say. */
const CONTEXT = {
  tenantId: "test",
  subject: "tester",
  roles: ["caller"],
  installId: "00000000000000000000000000",
  pluginId: "test.plugin",
  version: "1.0.0",
  traceId: "0".repeat(32),
} as const;

function settingsOf(config: Readonly<Record<string, unknown>>): { texts: Record<string, string>; jsonNames: string[] } {
  const entries = Object.entries(config);
  return {
    texts: Object.fromEntries(
      entries.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
    jsonNames: entries.filter(([, value]) => typeof value !== "string").map(([name]) => name),
  };
}

function servicesOf(services: NonNullable<HostOptions["services"]>) {
  const entries = Object.entries(services).map(([name, service]) => {
    const run = async (input: Uint8Array): Promise<Uint8Array> => {
      const text = new TextDecoder().decode(input);
      return payloadOf(await service(text === "" ? undefined : JSON.parse(text)));
    };
    return [name, run] as const;
  });
  return Object.fromEntries(entries);
}
