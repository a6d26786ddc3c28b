import type { Context } from "hono";
import type { GenericSchema, InferOutput } from "valibot";
import type { ErrorCode } from "../../sdk/contract/errors.ts";
import type { Permission } from "../../sdk/contract/roles.ts";
import type { Actor } from "../lib/actor.ts";
import type { Deps } from "../deps.ts";
import type { Stale } from "./mode-gate.ts";

/** Variables that the app's middleware sets before a handler runs. */
export interface AppEnv {
  Bindings: Env;
  Variables: {
    deps: Deps;
    /** Absent on public routes. */
    actor: Actor;
    traceId: string;
  };
}

/** Tag of pages for people, which are no operations. */
export const PAGES_TAG = "Pages";

export type Schema = GenericSchema | undefined;
type Output<S extends Schema> = S extends GenericSchema ? InferOutput<S> : undefined;

export interface RouteInput<P extends Schema, Q extends Schema, B extends Schema> {
  readonly params: Output<P>;
  readonly query: Output<Q>;
  readonly body: Output<B>;
}

export interface RouteAnswer {
  readonly description: string;
  /** Absent where the answer has no JSON body. */
  readonly schema?: GenericSchema;
  readonly contentType?: string;
}

/** One operation: everything that OpenAPI, authorisation, validation and the security suite need to know of it. */
export interface Route<P extends Schema = Schema, Q extends Schema = Schema, B extends Schema = Schema> {
  readonly method: "get" | "post" | "put" | "patch" | "delete" | "options";
  /** `plugins` is mounted at /api/plugins and /api/v1/plugins, `admin` at /api/v1/admin, `root` at /. */
  readonly mount: "plugins" | "admin" | "root";
  /** Hono path relative to the mount, such as `/:id/execute`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  /** Where it is computed; other operations have theirs in operation-notes-table.ts. */
  readonly description?: string;
  readonly tag: string;
  readonly permission: Permission | "public";
  readonly params?: P;
  readonly query?: Q;
  /** Headers that the handler reads, for the API description. */
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly required: boolean }>>;
  /** JSON body, parsed and validated. Leave out where the handler reads the request itself. */
  readonly body?: B;
  /** Bodies that the handler reads itself, for the API description: content type to JSON Schema. */
  readonly rawBody?: Readonly<Record<string, object>>;
  /**
   * Another proof of identity that this operation takes beside tokens and keys. Its permission is checked as ever.
   *
   * @returns undefined where the request brings none, so that it must bring a token or key
   */
  identify?(context: Context<AppEnv>): Promise<Actor | undefined>;
  /** On a public route: the handler takes a token or key where there is one, and may ask for it. */
  readonly takesIdentity?: true;
  /** Goes on while the database is away, since it asks for nothing there. */
  readonly needsNoDatabase?: true;
  /** Answers while the database is away, by what the tenant's snapshot holds. */
  fromSnapshot?(this: void, context: Context<AppEnv>, input: RouteInput<P, Q, B>, stale: Stale): Promise<Response>;
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  /** Codes this operation may answer beyond those every route may. */
  readonly errors: readonly ErrorCode[];
  handler(context: Context<AppEnv>, input: RouteInput<P, Q, B>): Promise<Response> | Response;
}

/** Keeps the types of params, query and body for the handler; the table holds routes of any shape. */
export function defineRoute<P extends Schema = undefined, Q extends Schema = undefined, B extends Schema = undefined>(
  route: Route<P, Q, B>,
): Route {
  return route; // sound because the registry calls each handler only with what its own schemas parsed
}
