import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Plan } from "../../../sdk/contract/plans.ts";
import { uploadPackage, type Uploaded, type UploadDeps } from "../../../worker/control/packages/actions/upload.ts";
import { openDatabase } from "../../../worker/db/client.ts";
import { tenants } from "../../../worker/db/schema.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { systemIds } from "../../../worker/lib/ulid.ts";
import { utf8 } from "../../fixtures/packages/bytes.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { extismModule } from "../../fixtures/packages/modules.ts";
import { zip, type ZipFile } from "../../fixtures/packages/zip-builder.ts";

/** Uploads as clients make them, and what must be left of them. */

export const db = openDatabase(env.DB);
export const NOW = Date.UTC(2026, 0, 1);

let tenantNumber = 0;

/** A tenant of its own for each test, so that tests of one file do not meet. */
export async function seedDeveloper(plan: Plan = "pro"): Promise<Actor> {
  const tenantId = `maker-${++tenantNumber}`;
  await db.insert(tenants).values({ id: tenantId, name: tenantId, plan, status: "active", createdAt: NOW });
  return { tenantId, subject: "dana", roles: ["developer"] };
}

export function makeDeps(): UploadDeps {
  return { env, db, clock: { now: () => NOW }, newId: systemIds(() => NOW), defer: (work) => void work };
}

export type Parts = Readonly<Record<string, Uint8Array | string>>;

export function formOf(parts: Parts): FormData {
  const form = new FormData();
  for (const [name, content] of Object.entries(parts)) {
    form.append(name, new Blob([content]), name);
  }
  return form;
}

export function uploadRequest(parts: Parts): Request {
  return new Request("https://patchbay.test/api/plugins/upload", { method: "POST", body: formOf(parts) });
}

/** A form whose one part is made while it is sent. */
export function streamedRequest(part: string, content: AsyncIterable<Uint8Array>, headers: HeadersInit = {}): Request {
  async function* form(): AsyncGenerator<Uint8Array> {
    yield utf8(`--XX\r\nContent-Disposition: form-data; name="${part}"; filename="f"\r\n\r\n`);
    yield* content;
    yield utf8("\r\n--XX--\r\n");
  }
  const pieces = form();
  const body = new ReadableStream({
    type: "bytes", // as the body of every request from the network is
    async pull(controller) {
      const next = await pieces.next();
      if (!next.done) return controller.enqueue(next.value);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
  const all = new Headers(headers);
  all.set("content-type", "multipart/form-data; boundary=XX");
  return new Request("https://patchbay.test/api/plugins/upload", { method: "POST", headers: all, body });
}

export async function upload(actor: Actor, parts: Parts): Promise<Uploaded> {
  return uploadPackage(makeDeps(), actor, uploadRequest(parts));
}

/** The error of an upload; fails where it is accepted. */
export async function refusal(work: Promise<unknown>): Promise<PlatformError> {
  const error: unknown = await work.then(
    () => new Error("the upload was accepted"),
    (reason: unknown) => reason,
  );
  if (error instanceof PlatformError) return error;
  throw error;
}

export function manifestText(fields: Readonly<Record<string, unknown>> = {}): Uint8Array {
  return utf8(JSON.stringify(manifestOf(fields)));
}

export async function archiveOf(
  fields: Readonly<Record<string, unknown>> = {},
  module: Uint8Array = extismModule(),
  ...more: readonly ZipFile[]
): Promise<Uint8Array> {
  return zip([
    { name: "manifest.json", data: manifestText(fields), deflate: true },
    { name: "plugin.wasm", data: module, deflate: true },
    ...more,
  ]);
}

export async function storedBytes(key: string): Promise<Uint8Array | undefined> {
  const object = await env.STORE.get(key);
  return object ? new Uint8Array(await object.arrayBuffer()) : undefined;
}

export async function keysUnder(prefix: string): Promise<string[]> {
  const { objects } = await env.STORE.list({ prefix });
  return objects.map(({ key }) => key);
}

export async function expectNothingIncoming(): Promise<void> {
  expect(await keysUnder("incoming/")).toEqual([]);
}
