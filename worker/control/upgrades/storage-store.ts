import { open, seal, type Context } from "../../lib/envelope.ts";
import { byteSegments } from "../../lib/byte-segments.ts";
import { keyOf } from "../../lib/key-ring.ts";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { backupKeyRing } from "../backups/blob-store.ts";
import {
  exportInstallState,
  importInstallState,
  type InstallStateDeps,
  type StateOwner,
} from "../backups/install-state-store.ts";
import type { StateObject } from "../backups/state-frame-rules.ts";

/**
 * What an install has stored, kept from before an upgrade: its stream in segments, each sealed and bound to its place. Each object
 * is kept as of one point in time, and comes back all or nothing; several objects are read one after the other.
 */

/** What a plugin stores; its health is none of it. */
const OBJECTS: readonly StateObject[] = ["PluginStorage", "PluginDatabase", "PluginFiles"];
const SEGMENT_BYTES = 4 * 1024 * 1024;
const UNKNOWN_KEY = { code: "BACKUP_KEY_UNKNOWN", what: "The kept storage" } as const;

/** An upgrade's keeping. */
export interface Keeping extends StateOwner {
  readonly upgradeId: string;
}

function segmentKey({ tenantId, installId, upgradeId }: Keeping, index: number): string {
  return `storage-snapshots/${tenantId}/${installId}/${upgradeId}/${index}`;
}

function contextOf({ tenantId, installId, upgradeId }: Keeping, index: number): Context {
  return ["patchbay storage before upgrade", tenantId, installId, upgradeId, String(index)];
}

/** @returns how many segments were stored */
export async function keepStorage(deps: InstallStateDeps, keeping: Keeping): Promise<number> {
  const ring = backupKeyRing(deps.env);
  let index = 0;
  for await (const segment of byteSegments(exportInstallState(deps, keeping, OBJECTS), SEGMENT_BYTES)) {
    const key = keyOf(ring, ring.current, UNKNOWN_KEY);
    const sealed = await seal(segment, key, contextOf(keeping, index), deps.randomBytes);
    await deps.env.STORE.put(segmentKey(keeping, index), sealed, { customMetadata: { key: ring.current } });
    index += 1;
  }
  return index;
}

/**
 * Puts what was kept in the place of what is stored now.
 *
 * @throws {PlatformError} BACKUP_UNREADABLE, BACKUP_KEY_UNKNOWN: nothing has changed then
 */
export async function restoreStorage(deps: InstallStateDeps, keeping: Keeping, segments: number): Promise<void> {
  let index = 0;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (index === segments) controller.close();
      else controller.enqueue(await openSegment(deps, keeping, index++));
    },
  });
  await importInstallState(deps, keeping, stream);
}

async function openSegment(deps: InstallStateDeps, keeping: Keeping, index: number): Promise<Uint8Array> {
  const object = await deps.env.STORE.get(segmentKey(keeping, index));
  if (!object) throw new PlatformError("BACKUP_UNREADABLE", `Segment ${index} of the kept storage is missing.`);
  const key = keyOf(backupKeyRing(deps.env), object.customMetadata?.["key"] ?? "", UNKNOWN_KEY);
  try {
    return await open(new Uint8Array(await object.arrayBuffer()), key, contextOf(keeping, index));
  } catch (cause) {
    throw new PlatformError("BACKUP_UNREADABLE", `Segment ${index} of the kept storage is damaged.`, { cause });
  }
}

export async function forgetStorage(
  { env }: { readonly env: Pick<Env, "STORE"> },
  keeping: Keeping,
  segments: number,
): Promise<void> {
  await env.STORE.delete(Array.from({ length: segments }, (_unused, index) => segmentKey(keeping, index)));
}
