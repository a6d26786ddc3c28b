import type { Input } from "./input.ts";
import type { Schema } from "./schema.ts";

/** What is the same for every call of a plugin with a configuration of type `Config`. */
export interface Call<Config> {
  /** The install's configuration, checked by the plugin's schema. Read when it is first asked for. */
  config(): Promise<Config>;
}

export type Awaitable<Value> = Value | Promise<Value>;

/** A function that callers and other parts of the manifest name. */
export interface FunctionDefinition<In, Out, Config> {
  readonly title?: string;
  /** Checks the input, JSON; without it `run` gets the input as it came. */
  readonly input?: Schema<In>;
  /** Checks what `run` returns, and writes it as JSON. */
  readonly output?: Schema<Out>;
  readonly run: (input: In, call: Call<Config>) => Awaitable<Out>;
}

interface Order {
  /** `business` where nothing is said. Lower classes run first: infrastructure, security, middleware, business. */
  readonly class?: "infrastructure" | "security" | "middleware" | "business";
  /** 0 to 1000 inside the class, lower first; 100 where nothing is said. */
  readonly priority?: number;
}

/** A function of a hook (docs/hooks.md): gets the payload, answers what its mode asks for. */
export interface HookDefinition<In, Config> extends Order {
  readonly input?: Schema<In>;
  readonly criticality?: "critical" | "optional";
  readonly timeoutMs?: number;
  readonly fallback?: { readonly value: unknown } | { readonly plugin: string; readonly function?: string };
  readonly mode?: "waterfall" | "broadcast" | "first-answer";
  readonly run: (payload: In, call: Call<Config>) => Awaitable<unknown>;
}

export interface EndpointRequest {
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, readonly string[]>>;
  readonly headers: Readonly<Record<string, string>>;
  /** The body where it is text in UTF-8; otherwise `base64`. */
  readonly body?: string;
  readonly base64?: string;
  /** Null where anybody may call. */
  readonly caller: { readonly subject: string; readonly roles: readonly string[] } | null;
}

/** One of `json`, `body` and `base64`; 200 where no status is given. */
export interface EndpointResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: string;
  readonly base64?: string;
}

export type EndpointMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What is served at a path under the plugin's own (docs/endpoints.md). */
export interface EndpointDefinition<Config> {
  /** `plugins:execute` where nothing is said. */
  readonly permission?: string;
  readonly roles?: readonly string[];
  readonly cors?: { readonly origins: readonly string[] };
  readonly headers?: readonly string[];
  readonly maxBodyBytes?: number;
  readonly timeoutMs?: number;
  readonly run: (request: EndpointRequest, call: Call<Config>) => Awaitable<EndpointResponse>;
}

export interface BusMessage<Data = unknown> {
  readonly id: string;
  readonly topic: string;
  readonly data: Data;
  readonly source: { readonly kind: string; readonly id: string };
  /** ISO 8601. */
  readonly publishedAt: string;
  readonly attempt: number;
  readonly hops: number;
}

export interface SubscriptionDefinition<Config> {
  readonly run: (message: BusMessage, call: Call<Config>) => Awaitable<void>;
}

export interface Lifecycle<Config> extends Order {
  readonly timeoutMs?: number;
  readonly initialize?: (call: Call<Config>) => Awaitable<void>;
  readonly start?: (call: Call<Config>) => Awaitable<void>;
  readonly stop?: (call: Call<Config>) => Awaitable<void>;
  /** Answers `{ healthy: false, … }` where it is not. */
  readonly healthCheck?: (call: Call<Config>) => Awaitable<unknown>;
}

/** A function without a schema. */
export type PlainFunction<Config> = (input: Input, call: Call<Config>) => Awaitable<unknown>;

/** Any value of a table, whatever the types of its function. */
// oxlint-disable-next-line typescript/no-explicit-any -- a function of any input is none of `unknown`
type AnyFunction<Config> = FunctionDefinition<any, any, Config>;
// oxlint-disable-next-line typescript/no-explicit-any -- the same
type AnyHook<Config> = HookDefinition<any, Config>;

/** A plugin, as `definePlugin` takes it. What is here goes to the manifest too; the rest of it is in `manifest.json`. */
export interface PluginDefinition<Config> {
  /** Schema of the configuration. */
  readonly config?: Schema<Config>;
  /** By exported name. */
  readonly functions?: Readonly<Record<string, AnyFunction<Config> | PlainFunction<Config>>>;
  /** By hook, such as `file:process`. */
  readonly hooks?: Readonly<Record<string, AnyHook<Config>>>;
  /** By method and path, such as `GET /orders/:id`. */
  readonly endpoints?: Readonly<Record<`${EndpointMethod} /${string}`, EndpointDefinition<Config>>>;
  /** By service, such as `tax.rate`. */
  readonly services?: Readonly<Record<string, AnyFunction<Config>>>;
  /** By topic, such as `orders.*`. */
  readonly subscriptions?: Readonly<Record<string, SubscriptionDefinition<Config>>>;
  readonly lifecycle?: Lifecycle<Config>;
}
