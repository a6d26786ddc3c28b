import { env } from "cloudflare:workers";
import { inject } from "vitest";
import type { Grants } from "../../../sdk/contract/grants.ts";
import type { Fallback } from "../../../sdk/contract/hooks.ts";
import type { Offers } from "../../../sdk/contract/offers.ts";
import { isStreaming, isSuspending } from "../../../sdk/contract/extism-abi.ts";
import { DEFAULT_LIMITS, WASM_PAGE_BYTES, type Limits } from "../../../sdk/contract/limits.ts";
import type { Validation } from "../../../sdk/contract/payloads/validate-payload.ts";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import { rewriteModule } from "../../../worker/execution/metering/rewrite.ts";
import { moduleKey } from "../../../worker/execution/module-store.ts";
import {
  snapshotKey,
  type Snapshot,
  type SnapshotInstall,
  type SnapshotTopics,
} from "../../../worker/execution/snapshot.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";

/** Guests as execution finds them: a rewritten module in R2 and a line in a snapshot. No D1 is involved. */

export interface GuestInstall {
  readonly guest: string;
  readonly pluginId?: string;
  readonly limits?: Partial<Limits>;
  readonly config?: Readonly<Record<string, string>>;
  readonly grants?: Grants;
  readonly topics?: SnapshotTopics;
  /** Keeps instances between calls. */
  readonly warm?: boolean;
  readonly persistVariables?: true;
  readonly fallback?: Fallback;
  readonly validation?: Validation;
}

export async function installGuests(
  tenantId: string,
  guests: readonly GuestInstall[],
  offers?: Offers,
): Promise<Snapshot> {
  const installs = await Promise.all(guests.map((guest) => installOf(tenantId, guest)));
  const snapshot: Snapshot = {
    format: 1,
    tenantId,
    status: "active",
    revision: 1,
    compiledAt: 0,
    installs: Object.fromEntries(installs.map((install) => [install.pluginId, install])),
    keys: {},
    members: {},
    ...(offers ? { offers } : {}),
  };
  await env.STORE.put(snapshotKey(tenantId), JSON.stringify(snapshot));
  return snapshot;
}

async function installOf(tenantId: string, install: GuestInstall): Promise<SnapshotInstall> {
  const limits = { ...DEFAULT_LIMITS, ...install.limits };
  const source = guestBytes(install.guest);
  const rewritten = rewriteModule(source, {
    memoryPages: Math.floor(limits.memory / WASM_PAGE_BYTES),
    tableElements: limits.tableEntries,
    callDepth: limits.callDepth,
  });
  const bytes = concatenate([...rewritten.chunks], rewritten.size);
  const rewrittenDigest = await sha256Hex(bytes);
  await env.STORE.put(moduleKey(rewrittenDigest), bytes);
  const report = inspectModule(source);
  const functions = report.exports.filter(({ kind }) => kind === "function").map(({ name }) => name);
  return {
    installId: `${tenantId}-${install.pluginId ?? install.guest}`,
    pluginId: install.pluginId ?? install.guest,
    version: "1.0.0",
    state: "active",
    rewrittenDigest,
    rewriterVersion: rewritten.report.rewriterVersion,
    moduleBytes: bytes.byteLength,
    functions,
    defaultFunction: functions.find((name) => !name.startsWith("_")),
    suspends: report.imports.some(({ module, name }) => isSuspending(module, name)),
    ...(report.imports.some(({ module, name }) => isStreaming(module, name)) ? { streams: true } : {}),
    limits,
    config: install.config ?? {},
    ...(install.persistVariables ? { persistVariables: true } : {}),
    ...(install.warm ? { warm: { revision: 1 } } : {}),
    grants: install.grants ?? {},
    ...(install.fallback ? { fallback: install.fallback } : {}),
    ...(install.validation ? { validation: install.validation } : {}),
    ...(install.topics ? { topics: install.topics } : {}),
  };
}

export function guestBytes(name: string): Uint8Array {
  const encoded = inject("guests")[name];
  if (encoded === undefined) throw new Error(`no guest named ${name}`);
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
}

function concatenate(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
