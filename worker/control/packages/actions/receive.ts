import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { PACKAGE_LIMITS } from "../../../../sdk/contract/limits.ts";
import { manifestInvalid } from "../../../../sdk/contract/manifest.ts";
import type { IncomingArea, StoredBytes } from "../incoming-store.ts";
import { formBoundary, readForm, type FormPart } from "../multipart-form.ts";
import { packageTooLarge, requireAnnouncedSize } from "../package-rules.ts";

const READ_BYTES = 256 * 1024;

/** What was uploaded, before anybody has looked into it. */
export type Received =
  | { readonly kind: "archive"; readonly archive: StoredBytes }
  | { readonly kind: "module"; readonly module: StoredBytes; readonly manifest: Uint8Array };

const PARTS = "a part `package` (ZIP or TAR.GZ), or the parts `manifest` (JSON) and `wasm`";

/**
 * Reads the form of an upload. Packages go straight to the store; only the manifest is held in memory.
 *
 * @param area  owns what is written; the caller discards it
 * @throws PlatformError MEDIA_TYPE_UNSUPPORTED, PACKAGE_TOO_LARGE, REQUEST_INVALID, BODY_UNREADABLE, MANIFEST_INVALID
 */
export async function receiveUpload(request: Request, area: IncomingArea): Promise<Received> {
  const boundary = formBoundary(request.headers.get("content-type"));
  if (boundary === undefined) {
    throw new PlatformError("MEDIA_TYPE_UNSUPPORTED", `An upload is multipart/form-data with ${PARTS}.`);
  }
  requireAnnouncedSize(request.headers.get("content-length"));
  if (!request.body) throw new PlatformError("REQUEST_INVALID", `The form is empty; it needs ${PARTS}.`);
  const parts: Parts = {};
  for await (const part of readForm(readBody(request.body), boundary)) await takePart(part, parts, area);
  return chosen(parts);
}

interface Parts {
  package?: StoredBytes;
  wasm?: StoredBytes;
  manifest?: Uint8Array;
}

async function takePart({ name, content }: FormPart, parts: Parts, area: IncomingArea): Promise<void> {
  if (name !== "package" && name !== "wasm" && name !== "manifest") {
    throw partInvalid(name, `is not known; an upload has ${PARTS}`);
  }
  if (parts[name]) throw partInvalid(name, "appears twice");
  if (name === "manifest") {
    parts.manifest = await takeManifest(content);
    return;
  }
  const writer = area.writer();
  for await (const piece of content) {
    // Refused before it is written: what is stored never exceeds the limit.
    if (writer.size + piece.length > PACKAGE_LIMITS.packageBytes) throw packageTooLarge(writer.size + piece.length);
    await writer.write(piece);
  }
  parts[name] = await writer.finish();
}

async function takeManifest(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const allowed = PACKAGE_LIMITS.manifestBytes;
  const bytes = new Uint8Array(allowed);
  let filled = 0;
  for await (const piece of content) {
    if (filled + piece.length > allowed) {
      throw manifestInvalid([{ path: "", message: `has more than ${allowed} bytes` }]);
    }
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return bytes.slice(0, filled);
}

function chosen({ package: archive, wasm, manifest }: Parts): Received {
  if (archive && !wasm && !manifest) return { kind: "archive", archive };
  if (wasm && manifest && !archive) {
    const size = wasm.size + manifest.length;
    if (size > PACKAGE_LIMITS.packageBytes) throw packageTooLarge(size);
    return { kind: "module", module: wasm, manifest };
  }
  if (archive) throw partInvalid("package", "holds module and manifest already: leave `wasm` and `manifest` out");
  throw partInvalid(wasm ? "manifest" : manifest ? "wasm" : "package", `is missing; an upload has ${PARTS}`);
}

function partInvalid(name: string, what: string): PlatformError {
  const shown = name.slice(0, 64);
  return new PlatformError("REQUEST_INVALID", `The part ${JSON.stringify(shown)} ${what}.`, {
    issues: [{ path: shown, message: what }],
  });
}

/**
 * Asks for large pieces: with the pieces of 4 KiB that a plain reader gives, reading costs four times as much.
 *
 * @throws PlatformError BODY_UNREADABLE where the client goes away or the connection breaks
 */
async function* readBody(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader({ mode: "byob" });
  try {
    for (;;) {
      const { done, value } = await reader.readAtLeast(READ_BYTES, new Uint8Array(READ_BYTES));
      if (value && value.length > 0) yield value;
      if (done) return;
    }
  } catch (cause) {
    throw new PlatformError("BODY_UNREADABLE", "The upload broke off before its end.", { cause });
  } finally {
    await reader.cancel().catch(ignoreBrokenBody);
  }
}

/** A body that broke cannot be cancelled; its failure is reported already. */
function ignoreBrokenBody(): void {}
