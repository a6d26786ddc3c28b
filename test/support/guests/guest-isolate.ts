import { env } from "cloudflare:workers";
import type { Limits } from "../../../sdk/contract/limits.ts";
import { SANDBOX_ENTRYPOINT, type SandboxCall, type SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import type { Grants } from "../../../sdk/contract/grants.ts";
import type { HostBridge } from "../../../sdk/contract/user-functions.ts";
import { CallBridge } from "../../../worker/execution/bridge.ts";
import { BufferedStreams } from "../../../worker/execution/call-streams.ts";
import { CallLedger } from "../../../worker/execution/call-ledger.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { codeModules, type PluginCode } from "../../../worker/execution/isolate-code.ts";
import { REACH } from "./tenant-reach.ts";
import { buildPackage } from "./linked-package.ts";
import { guestBytes } from "./provided-guests.ts";
import { type CallOptions, meteredBytes, NOW, sandboxCall } from "./sandbox-call.ts";

/** A fixture in a Dynamic Worker of its own, with the built sandbox program, as the worker loads it. */
export interface GuestIsolate {
  /** @param host  grants of the call, or what answers its capability calls instead of the platform */
  call(functionName: string, options?: CallOptions, host?: Grants | HostBridge): Promise<SandboxOutcome>;
}

interface SandboxStub {
  call(call: SandboxCall, bridge: HostBridge): Promise<SandboxOutcome>;
}

/** @param limits  limits the module is rewritten under, and each call's where it names none */
export function openGuest(name: string, limits: Partial<Limits> = {}): GuestIsolate {
  return openModule(name, meteredBytes(guestBytes(name), limits), limits);
}

/** As {@link openGuest}, for bytes that are loaded as they are. */
export function openModule(name: string, plugin: Uint8Array<ArrayBuffer>, limits: Partial<Limits> = {}): GuestIsolate {
  return openCode(name, { main: plugin, parts: undefined }, limits);
}

/**
 * As {@link openGuest}, for a package of several modules and files.
 *
 * @param modules  fixtures by the names of the modules; one is called `main`
 */
export function openPackage(
  modules: Readonly<Record<string, string>>,
  { files, limits = {} }: { files?: Readonly<Record<string, string>>; limits?: Partial<Limits> } = {},
): GuestIsolate {
  const sources = Object.entries(modules).map(([name, guest]) => [name, guestBytes(guest)]);
  const source = { modules: Object.fromEntries(sources) as Record<string, Uint8Array>, ...(files ? { files } : {}) };
  return openCode(Object.values(modules).join("+"), buildPackage(source, limits), limits);
}

function openCode(name: string, code: PluginCode, limits: Partial<Limits>): GuestIsolate {
  const id = `${name}:${crypto.randomUUID()}`;
  const worker = env.LOADER.get(id, () => ({
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["no_nodejs_compat", "no_nodejs_compat_v2"],
    ...codeModules(code),
    env: {},
    globalOutbound: null,
  }));
  return {
    async call(functionName, options = {}, host = {}) {
      const sandbox = worker.getEntrypoint(SANDBOX_ENTRYPOINT) as unknown as SandboxStub; // the loader cannot know the class it loads
      const call = sandboxCall(functionName, { ...options, limits: { ...limits, ...options.limits } });
      return await sandbox.call(call, "call" in host ? host : grantedBridge(call, host));
    },
  };
}

function grantedBridge({ context, input, limits }: SandboxCall, grants: Grants): CallBridge {
  const streams = new BufferedStreams(input, limits);
  const deps = createDeps(env, { waitUntil: () => undefined }, { now: () => NOW }, createResident());
  return new CallBridge({
    context,
    grants,
    services: deps.capabilities,
    reach: REACH,
    ledger: new CallLedger(),
    streams,
  });
}

export function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}
