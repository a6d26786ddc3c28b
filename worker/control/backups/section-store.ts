import { PlatformError } from "../../../sdk/contract/errors.ts";
import { open, seal, type Context } from "../../lib/envelope.ts";
import type { TenantKeyDeps, TenantKeys } from "./tenant-key-store.ts";

/**
 * The content of a chunk, in sections of one tenant each: length of the tenant's id 1 | id | rows 4 | length 4 | content, compressed
 * and sealed with the tenant's key. A section without a tenant is compressed only. Numbers are big-endian.
 */
export interface Section {
  /** Empty: nobody's. */
  readonly tenantId: string;
  readonly rows: number;
  readonly content: Uint8Array<ArrayBuffer>;
}

export interface SealedSections {
  readonly sealed: Uint8Array<ArrayBuffer>;
  readonly rows: number;
  /** Of the contents, before compression. */
  readonly bytes: number;
}

export interface OpenedSections {
  readonly sections: readonly Section[];
  /** Tenants whose sections cannot be opened any more: when each was erased, milliseconds since the epoch. */
  readonly erased: ReadonlyMap<string, number>;
  /** Rows of those sections. */
  readonly erasedRows: number;
}

/** Which chunk it is. */
export interface Place {
  readonly backupId: string;
  readonly part: string;
}

const NUMBERS_BYTES = 8;

/** Sections of tenants that were erased meanwhile are left out. */
export async function sealSections(
  deps: TenantKeyDeps,
  keys: TenantKeys,
  place: Place,
  sections: readonly Section[],
): Promise<SealedSections> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const sums = { rows: 0, bytes: 0 };
  await Promise.all(sections.filter(({ tenantId }) => tenantId !== "").map(({ tenantId }) => keys.toSeal(tenantId)));
  for (const { tenantId, rows, content } of sections) {
    const key = tenantId === "" ? undefined : await keys.toSeal(tenantId);
    if (key && "erasedAt" in key) continue;
    const compressed = await through(content, new CompressionStream("gzip"));
    const sealed = key ? await seal(compressed, key.key, contextOf(place, tenantId), deps.randomBytes) : compressed;
    pieces.push(headOf(tenantId, rows, sealed.byteLength), sealed);
    sums.rows += rows;
    sums.bytes += content.byteLength;
  }
  return { sealed: new Uint8Array(await new Blob(pieces).arrayBuffer()), ...sums };
}

function headOf(tenantId: string, rows: number, length: number): Uint8Array<ArrayBuffer> {
  const id = new TextEncoder().encode(tenantId);
  const head = new Uint8Array(1 + id.byteLength + NUMBERS_BYTES);
  head[0] = id.byteLength;
  head.set(id, 1);
  const numbers = new DataView(head.buffer, 1 + id.byteLength);
  numbers.setUint32(0, rows);
  numbers.setUint32(4, length);
  return head;
}

/** @throws {PlatformError} BACKUP_UNREADABLE where a section is not what was sealed, or its tenant's key is lost */
export async function openSections(
  keys: TenantKeys,
  place: Place,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<OpenedSections> {
  const sections: Section[] = [];
  const erased = new Map<string, number>();
  let [at, erasedRows] = [0, 0];
  while (at < bytes.byteLength) {
    const start = at + 1 + (bytes[at] ?? 0);
    const tenantId = new TextDecoder().decode(bytes.subarray(at + 1, start));
    const numbers = new DataView(bytes.buffer, bytes.byteOffset + start);
    const rows = numbers.getUint32(0);
    const from = start + NUMBERS_BYTES;
    at = from + numbers.getUint32(4);
    const key = tenantId === "" ? undefined : await keys.toOpen(tenantId);
    if (key && "erasedAt" in key) {
      erased.set(tenantId, key.erasedAt);
      erasedRows += rows;
    } else {
      const content = await openSection(bytes.subarray(from, at), key?.key, contextOf(place, tenantId));
      sections.push({ tenantId, rows, content });
    }
  }
  return { sections, erased, erasedRows };
}

async function openSection(
  sealed: Uint8Array<ArrayBuffer>,
  key: Uint8Array<ArrayBuffer> | undefined,
  context: Context,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const compressed = key ? await open(sealed, key, context) : sealed;
    return await through(compressed, new DecompressionStream("gzip"));
  } catch (cause) {
    throw new PlatformError(
      "BACKUP_UNREADABLE",
      `A part of the tenant "${context.at(-1) ?? ""}" was sealed with another key than the tenant has.`,
      { cause },
    );
  }
}

function contextOf({ backupId, part }: Place, tenantId: string): Context {
  return ["patchbay backup of a tenant", backupId, part, tenantId];
}

export async function through(
  content: Uint8Array<ArrayBuffer>,
  transform: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(new Blob([content]).stream().pipeThrough(transform)).arrayBuffer());
}
