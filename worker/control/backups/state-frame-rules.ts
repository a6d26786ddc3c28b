import { PlatformError } from "../../../sdk/contract/errors.ts";

/**
 * The state of one install as a stream of frames: kind 1 | length 4, big-endian | content. A header, for each object its name and
 * the pieces of its state, and an end with the digest of all before it. Pure.
 */

export const INSTALL_STATE_FORMAT = 1;
export const STATE_OBJECTS = ["PluginStorage", "PluginDatabase", "PluginFiles", "PluginHealth"] as const;
export type StateObject = (typeof STATE_OBJECTS)[number];

export type Frame =
  | { readonly kind: "header"; readonly format: number; readonly tenantId: string; readonly installId: string }
  | { readonly kind: "object"; readonly object: StateObject }
  | { readonly kind: "piece"; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly sha256: string };

const KINDS = ["header", "object", "piece", "end"] as const;
const HEAD_BYTES = 5;
/** More than any frame has; what claims more is no frame. */
const MOST_BYTES = 8 * 1024 * 1024;

export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  const content = frame.kind === "piece" ? frame.bytes : new TextEncoder().encode(JSON.stringify(frame));
  const bytes = new Uint8Array(HEAD_BYTES + content.byteLength);
  bytes[0] = KINDS.indexOf(frame.kind);
  new DataView(bytes.buffer).setUint32(1, content.byteLength);
  bytes.set(content, HEAD_BYTES);
  return bytes;
}

/** Reads frames from bytes cut anywhere, each with its own bytes, for the digest. */
export class FrameReader {
  #rest = new Uint8Array(0);

  /** @throws {PlatformError} BACKUP_UNREADABLE */
  push(bytes: Uint8Array): readonly { readonly frame: Frame; readonly raw: Uint8Array<ArrayBuffer> }[] {
    const all = new Uint8Array(this.#rest.byteLength + bytes.byteLength);
    all.set(this.#rest, 0);
    all.set(bytes, this.#rest.byteLength);
    const frames = [];
    let at = 0;
    while (all.byteLength - at >= HEAD_BYTES) {
      const length = new DataView(all.buffer).getUint32(at + 1);
      if (length > MOST_BYTES) throw unreadable();
      const end = at + HEAD_BYTES + length;
      if (end > all.byteLength) break;
      frames.push({ frame: decode(all[at] ?? 0, all.subarray(at + HEAD_BYTES, end)), raw: all.subarray(at, end) });
      at = end;
    }
    this.#rest = all.slice(at);
    return frames;
  }

  /** True where nothing is left over. */
  get ended(): boolean {
    return this.#rest.byteLength === 0;
  }
}

function decode(code: number, content: Uint8Array): Frame {
  const kind = KINDS[code];
  if (kind === "piece") return { kind, bytes: content };
  try {
    const frame = JSON.parse(new TextDecoder().decode(content)) as Frame; // written by encodeFrame; the digest proves it
    if (kind !== undefined && frame.kind === kind) return frame;
  } catch {
    throw unreadable();
  }
  throw unreadable();
}

function unreadable(): PlatformError {
  return new PlatformError("BACKUP_UNREADABLE", "The state of the install is not what was exported: it has no frames.");
}
