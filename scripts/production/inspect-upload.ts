import { PlatformError } from "../../sdk/contract/errors.ts";
import type { Inspection, InspectedVersion, InspectionProblem, PackageForm } from "../../sdk/inspection/inspection.ts";
import { problemOf } from "../../worker/http/problem.ts";
import { proveRewritten, type Accepted } from "../../worker/control/packages/actions/keep.ts";
import { openPackage, type Opened } from "../../worker/control/packages/actions/prepare.ts";
import { receiveUpload } from "../../worker/control/packages/actions/receive.ts";
import { IncomingArea } from "../../worker/control/packages/incoming-store.ts";
import { summarisePackage } from "../../worker/control/packages/module-report.ts";
import { requireUploadable } from "../../worker/control/packages/package-rules.ts";
import { describeVersion } from "../../worker/control/packages/schema.ts";
import { memoryBucket } from "./memory-bucket.ts";

/**
 * What the upload route does with a form (worker/control/packages/actions/upload.ts), in the same order and by the same code, with
 * memory in place of the store and without the tenant's rows: whether the version exists already, and how many the plan allows, only the
 * platform knows.
 */
export async function inspectUpload(form: PackageForm, tenantId: string): Promise<Inspection> {
  const bucket = memoryBucket(new Map());
  let ids = 0;
  try {
    const received = await receiveUpload(await requestOf(form), new IncomingArea(bucket, () => String(++ids)));
    const opened = await openPackage(bucket, received);
    requireUploadable(opened.manifest, tenantId);
    const accepted = await opened.accept();
    await proveRewritten(bucket, accepted);
    return { accepted: true, manifest: opened.manifest, version: describe(opened, accepted, tenantId) };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const { instance: _path, traceId: _trace, retryable: _never, ...problem } = problemOf(error, "", "");
    return { accepted: false, problem: problem as unknown as InspectionProblem }; // the members that problems have
  }
}

function describe(opened: Opened, accepted: Accepted, tenantId: string): InspectedVersion {
  const { manifest, packageDigest, packageBytes } = opened;
  const answer = describeVersion({
    id: "",
    tenantId,
    pluginId: manifest.id,
    version: manifest.version,
    manifest,
    packageDigest,
    packageBytes,
    moduleDigest: accepted.moduleDigest,
    rewrittenDigest: accepted.rewrittenDigest,
    rewriterVersion: accepted.rewriting.rewriterVersion,
    module: summarisePackage(accepted),
    scan: accepted.scan,
    state: "validated",
    uploadedBy: "",
    createdAt: 0,
    yankedAt: null,
    yankReason: null,
  });
  const {
    id: _id,
    state: _state,
    uploadedBy: _by,
    createdAt: _at,
    yankedAt: _since,
    yankReason: _why,
    ...said
  } = answer;
  return said;
}

/** The form as it goes over the wire, with the reader that the platform's runtime has. */
async function requestOf(form: PackageForm): Promise<Request> {
  const parts = new FormData();
  if (form.kind === "archive") parts.set("package", blobOf(form.archive), "package");
  else {
    parts.set("manifest", blobOf(form.manifest), "manifest.json");
    parts.set("wasm", blobOf(form.wasm), "plugin.wasm");
  }
  const encoded = new Response(parts);
  const bytes = new Uint8Array(await encoded.arrayBuffer());
  const headers = new Headers(encoded.headers);
  headers.set("content-length", String(bytes.length));
  return { headers, body: { getReader: () => new ByteReader(bytes) } } as unknown as Request; // what receiving reads of it
}

function blobOf(bytes: Uint8Array): Blob {
  return new Blob([Uint8Array.from(bytes)]);
}

/** ReadableStreamBYOBReader of the platform's runtime, over bytes that are there. */
class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  async readAtLeast(least: number): Promise<{ readonly done: boolean; readonly value: Uint8Array }> {
    const value = this.#bytes.slice(this.#offset, this.#offset + least);
    this.#offset += value.length;
    return { done: value.length === 0, value };
  }

  async cancel(): Promise<void> {}
}
