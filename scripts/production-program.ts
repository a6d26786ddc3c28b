import { PluginDatabase } from "../durable-objects/plugin-database/object.ts";
import { PluginFiles } from "../durable-objects/plugin-files/object.ts";
import { PluginStorage } from "../durable-objects/plugin-storage/object.ts";
import type { ExecutionContext, SandboxCall } from "../sdk/contract/sandbox.ts";
import { DEFAULT_LIMITS, type Limits } from "../sdk/contract/limits.ts";
import type {
  Backend,
  CallHost,
  CallResult,
  CapabilityRequest,
  Compile,
  ProductionPlugin,
  ProfiledResult,
} from "../sdk/testing/production-program.ts";
import { CallBridge } from "../worker/execution/bridge.ts";
import { CallLedger } from "../worker/execution/call-ledger.ts";
import { BufferedStreams } from "../worker/execution/call-streams.ts";
import type { TenantReach } from "../worker/execution/capabilities/capability.ts";
import { PublicEgress } from "../worker/execution/capabilities/http/egress.ts";
import type { CapabilityServices } from "../worker/execution/capabilities/services.ts";
import { describePlugin } from "../worker/execution/sandbox/plugin-module.ts";
import { standAlone } from "../worker/execution/sandbox/plugin-package.ts";
import { Profiler } from "../worker/execution/sandbox/profiler.ts";
import { runCall, type SandboxParts } from "../worker/execution/sandbox/run-call.ts";
import { ValueSeal } from "../worker/execution/sealed-value.ts";
import { localParts } from "./production/local-parts.ts";
import { memoryBucket } from "./production/memory-bucket.ts";
import { describeProfile, openProfiled, type ProfiledModule } from "./production/profiled-module.ts";
import { rewrittenModule } from "./production/rewritten-module.ts";

export { inspectUpload } from "./production/inspect-upload.ts";
export { replayRecording } from "./production/replay-recording.ts";

/**
 * The platform's program for the SDK's test harness (sdk/testing/production-program.ts says what it is): composed here of the
 * worker's own modules and bundled for Node by scripts/build-harness.ts.
 */

/** Name of a host that only the harness answers. */
const TOKEN_HOST = "tokens.patchbay.dev";
const RESOLVER_HOST = "cloudflare-dns.com";
/** An address of a documentation network would be refused; this one is public (example.com's). */
const PUBLIC_ADDRESS = "93.184.215.14";
const NOBODY = "other-plugin";

export async function openPlugin(module: Uint8Array, limits: Limits, compile: Compile): Promise<ProductionPlugin> {
  const plugin = standAlone(describePlugin(await compile(rewrittenModule(module, limits))));
  const parts = await localParts(plugin, compile);
  let profiled: Promise<ProfiledModule> | undefined;
  return {
    call: (call, host) => callPlugin(parts, call, host),
    profile: async (call, host) => {
      profiled ??= openProfiled(module, limits, compile);
      return profilePlugin(await profiled, compile, call, host);
    },
  };
}

async function profilePlugin(
  { plugin, kernel, names }: ProfiledModule,
  compile: Compile,
  call: SandboxCall,
  host: CallHost,
): Promise<ProfiledResult> {
  const profiler = new Profiler(kernel);
  const attached = (exports: WebAssembly.Exports): void => profiler.attach(exports, call.limits.fuel);
  const result = await callPlugin({ ...(await localParts(plugin, compile)), attached }, call, host);
  const profile = profiler.finish(call.limits.fuel - result.outcome.usage.fuel);
  return { ...result, profile: describeProfile(profile, names, call.functionName) };
}

export const requestCapability: CapabilityRequest = async (host, context, request) => {
  const streams = new BufferedStreams(new Uint8Array(), DEFAULT_LIMITS);
  const bridge = bridgeOf({ ...host, grants: { storage: {} } }, context, new CallLedger(), streams);
  try {
    return await bridge.call(request);
  } finally {
    CallBridge.end(bridge);
  }
};

function bridgeOf(host: CallHost, context: ExecutionContext, ledger: CallLedger, streams: BufferedStreams): CallBridge {
  const services = servicesOf(host.backend);
  return new CallBridge({ context, grants: host.grants, services, reach: reachOf(host, context), ledger, streams });
}

async function callPlugin(parts: SandboxParts, call: SandboxCall, host: CallHost): Promise<CallResult> {
  const ledger = new CallLedger();
  const streams = new BufferedStreams(call.input, call.limits);
  const bridge = bridgeOf(host, call.context, ledger, streams);
  try {
    const outcome = streams.finish(await runCall(parts, call, bridge));
    const metrics = (ledger.metrics?.sums ?? []).map(({ labels, ...sum }) => ({
      ...sum,
      labels: JSON.parse(labels) as Record<string, string>, // written by the capability
    }));
    return { outcome, exchanges: ledger.exchanges ?? [], metrics };
  } finally {
    CallBridge.end(bridge);
  }
}

/** A tenant in which other plugins offer what the test says. */
function reachOf({ services, publishes }: CallHost, context: ExecutionContext): TenantReach {
  const { tenantId, pluginId } = context;
  const offers = Object.keys(services).map((name) => [name, { pluginId: NOBODY, functionName: name }] as const);
  const install = { topics: { publishes, subscribes: [] } };
  const snapshot = { tenantId, installs: { [pluginId]: install }, offers: { services: Object.fromEntries(offers) } };
  return {
    snapshot: snapshot as unknown as TenantReach["snapshot"], // what capabilities read of a snapshot
    callPlugin: async (_, name, input) => {
      const output = await services[name]?.(input, { ...context, callingPlugin: pluginId });
      return { output, failure: undefined, executionId: "nested" };
    },
  };
}

const kept = new WeakMap<Backend, CapabilityServices>();

/** Objects live as long as the test's host does. */
function servicesOf(backend: Backend): CapabilityServices {
  const known = kept.get(backend) ?? newServices(backend);
  kept.set(backend, known);
  return known;
}

function newServices(backend: Backend): CapabilityServices {
  const clock = { now: () => backend.now() };
  const key = btoa(String.fromCharCode(...new Uint8Array(32)));
  return {
    clock,
    newId: () => backend.newId(),
    randomBytes: (length) => backend.randomBytes(length),
    egress: new PublicEgress({
      fetch: (input, init) => answer(backend, new Request(input, init)),
      clock,
      names: new Map(),
      privateHosts: new Set(),
    }),
    storage: namespaceOf(backend, "storage", PluginStorage),
    databases: namespaceOf(backend, "database", PluginDatabase),
    files: namespaceOf(backend, "files", PluginFiles),
    bucket: memoryBucket(backend.contents),
    values: new ValueSeal(JSON.stringify({ current: "test", keys: { test: key } }), (length) =>
      backend.randomBytes(length),
    ),
    bus: {
      publish: async (_, { id = backend.newId(), topic, data }) => {
        backend.publish({ topic, data, id });
        return { id, subscribers: 0 };
      },
    },
    webhooks: {
      queue: async ({ url, event, id, contentType, body }) => {
        backend.send({ url, event, id, contentType, body });
        return "queued";
      },
    },
    oauth: { find: async (_, provider) => (Object.hasOwn(backend.tokens, provider) ? clientOf(provider) : undefined) },
    security: {
      read: async () => [],
      raise: async (_, finding) => {
        backend.raise(finding);
        return backend.newId();
      },
    },
    defer: () => undefined,
  };
}

function clientOf(provider: string) {
  return {
    tokenUrl: `https://${TOKEN_HOST}/${provider}`,
    clientId: "test",
    scopes: [],
    grant: "client_credentials",
    authentication: "post",
    generation: "1",
    secrets: async () => ({ clientSecret: "test", refreshToken: null }),
  } as const;
}

/** Names resolve, and tokens are given; everything else is the test's. */
async function answer(backend: Backend, request: Request): Promise<Response> {
  const { hostname, pathname, searchParams } = new URL(request.url);
  if (hostname === RESOLVER_HOST) {
    const type = Number(searchParams.get("type"));
    return Response.json({ Status: 0, Answer: type === 1 ? [{ type, data: PUBLIC_ADDRESS }] : [] });
  }
  if (hostname !== TOKEN_HOST) return backend.fetch(request);
  const access_token = backend.tokens[pathname.slice(1)];
  return Response.json({ access_token, token_type: "bearer", expires_in: 3_600 });
}

type ObjectClass<Target> = new (state: DurableObjectState, env: never) => Target;

/** Stubs are the objects themselves: calls are answered as promises, as over RPC. */
function namespaceOf<Target extends Rpc.DurableObjectBranded>(
  backend: Backend,
  kind: string,
  Class: ObjectClass<Target>,
): DurableObjectNamespace<Target> {
  const objects = new Map<string, unknown>();
  const get = (name: string): unknown => {
    const state = { storage: backend.storage(kind, name), waitUntil: () => undefined };
    const known = objects.get(name) ?? asynchronous(new Class(state as unknown as DurableObjectState, {} as never)); // what the objects use
    objects.set(name, known);
    return known;
  };
  return { idFromName: (name: string) => name, get } as unknown as DurableObjectNamespace<Target>; // what the clients use
}

function asynchronous(object: object): object {
  return new Proxy(object, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return async (...values: readonly unknown[]): Promise<unknown> =>
        Reflect.apply(member, target, values) as unknown;
    },
  });
}
