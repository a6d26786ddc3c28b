import type { Input } from "./input.ts";
import type { Schema } from "./schema.ts";

export type Awaitable<Value> = Value | Promise<Value>;

/** A function that callers and other parts of the manifest name. */
export interface FunctionDefinition<In, Out> {
  /** What it does, in a sentence. */
  readonly title?: string;
  readonly description?: string;
  /** Checks the input, JSON; without it `run` gets the input as it came. */
  readonly input?: Schema<In>;
  /** Checks what `run` returns, and writes it as JSON. */
  readonly output?: Schema<Out>;
  readonly run: (input: In) => Awaitable<Out>;
}

interface Order {
  /** `business` where nothing is said. Lower classes run first: infrastructure, security, middleware, business. */
  readonly class?: "infrastructure" | "security" | "middleware" | "business";
  /** 0 to 1000 inside the class, lower first; 100 where nothing is said. */
  readonly priority?: number;
}

/** A function of a hook (docs/hooks.md): gets the payload, answers what its mode asks for. */
export interface HookDefinition<In> extends Order {
  readonly input?: Schema<In>;
  readonly criticality?: "critical" | "optional";
  readonly timeoutMs?: number;
  readonly fallback?: { readonly value: unknown } | { readonly plugin: string; readonly function?: string };
  readonly mode?: "waterfall" | "broadcast" | "first-answer";
  readonly run: (payload: In) => Awaitable<unknown>;
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
export interface EndpointDefinition {
  /** `plugins:execute` where nothing is said. */
  readonly permission?: string;
  readonly roles?: readonly string[];
  readonly cors?: { readonly origins: readonly string[] };
  readonly headers?: readonly string[];
  readonly maxBodyBytes?: number;
  readonly timeoutMs?: number;
  readonly run: (request: EndpointRequest) => Awaitable<EndpointResponse>;
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

export interface SubscriptionDefinition<Data = unknown> {
  /** Checks the data of a message. */
  readonly data?: Schema<Data>;
  readonly run: (message: BusMessage<Data>) => Awaitable<void>;
}

export interface Lifecycle extends Order {
  readonly timeoutMs?: number;
  readonly initialize?: () => Awaitable<void>;
  readonly start?: () => Awaitable<void>;
  readonly stop?: () => Awaitable<void>;
  /** Answers `{ healthy: false, … }` where it is not. */
  readonly healthCheck?: () => Awaitable<unknown>;
}

/** A function without a schema. */
export type PlainFunction = (input: Input) => Awaitable<unknown>;

/** Schemas of a table's value, whatever their type is. */
interface AnySchemas {
  readonly input?: Schema;
  readonly output?: Schema;
}

/** A value of a table: `never` is an input that every function takes. `defineFunction` and `defineHook` make them, typed. */
type AnyFunction = Omit<FunctionDefinition<never, unknown>, "input" | "output"> & AnySchemas;
type AnySubscription = Omit<SubscriptionDefinition<never>, "data"> & { readonly data?: Schema };
type AnyHook = Omit<HookDefinition<never>, "input"> & Pick<AnySchemas, "input">;

/** A plugin, as `definePlugin` takes it. What is here goes to the manifest too; the rest of it is in `manifest.json`. */
export interface PluginDefinition {
  /** Schema of the configuration, which `readConfig` reads. */
  readonly config?: Schema;
  /** By exported name. */
  readonly functions?: Readonly<Record<string, AnyFunction | PlainFunction>>;
  /** By hook, such as `file:process`. */
  readonly hooks?: Readonly<Record<string, AnyHook>>;
  /** By method and path, such as `GET /orders/:id`. */
  readonly endpoints?: Readonly<Record<`${EndpointMethod} /${string}`, EndpointDefinition>>;
  /** By service, such as `tax.rate`. */
  readonly services?: Readonly<Record<string, AnyFunction>>;
  /** By topic, such as `orders.*`. */
  readonly subscriptions?: Readonly<Record<string, AnySubscription>>;
  /** Schemas of the data that it publishes, by topic. */
  readonly publishes?: Readonly<Record<string, Schema>>;
  /** Schemas that others are made of, by the name that they have in the manifest. Of other libraries than valibot they are written out. */
  readonly types?: Readonly<Record<string, Schema>>;
  readonly lifecycle?: Lifecycle;
}
