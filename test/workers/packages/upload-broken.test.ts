import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test } from "vitest";
import { PACKAGE_LIMITS } from "../../../sdk/contract/limits.ts";
import { uploadPackage } from "../../../worker/control/packages/actions/upload.ts";
import { sweepIncoming } from "../../../worker/control/packages/store.ts";
import { noise } from "../../fixtures/packages/bytes.ts";
import {
  archiveOf,
  expectNothingIncoming,
  keysUnder,
  makeDeps,
  manifestText,
  refusal,
  seedDeveloper,
  streamedRequest,
  upload,
  uploadRequest,
} from "./upload-fixtures.ts";

const MIB = 1024 * 1024;

/** Whatever a test does, nothing of an upload may stay behind. */
afterEach(expectNothingIncoming);

describe("a package that is too large", () => {
  async function* endless(limit: number, sent: { bytes: number }): AsyncGenerator<Uint8Array> {
    const piece = noise(256 * 1024);
    for (; sent.bytes < limit; sent.bytes += piece.length) yield await Promise.resolve(piece.slice());
  }

  test("is refused while it is read", async () => {
    const actor = await seedDeveloper();
    const sent = { bytes: 0 };
    const request = streamedRequest("package", endless(200 * MIB, sent));
    const error = await refusal(uploadPackage(makeDeps(), actor, request));
    expect(error.code).toBe("PACKAGE_TOO_LARGE");
    expect(error.limit).toMatchObject({ name: "packageBytes", allowed: 50 * MIB });
    expect(sent.bytes).toBeLessThan(52 * MIB);
  });

  test("is refused by its announced length before it is read", async () => {
    const actor = await seedDeveloper();
    const sent = { bytes: 0 };
    const request = streamedRequest("package", endless(MIB, sent), { "content-length": String(60 * MIB) });
    const error = await refusal(uploadPackage(makeDeps(), actor, request));
    expect(error.message).toBe(
      "The package is larger than 52428800 bytes: 62914560 were announced or read before the upload was refused.",
    );
    expect(sent.bytes).toBeLessThan(MIB);
  });

  test("as module and manifest together is refused", async () => {
    const actor = await seedDeveloper();
    const module = new Uint8Array(PACKAGE_LIMITS.packageBytes);
    const error = await refusal(upload(actor, { wasm: module, manifest: manifestText() }));
    expect([error.code, error.limit?.used]).toEqual(["PACKAGE_TOO_LARGE", module.length + manifestText().length]);
  });

  test("by one byte is refused, at the limit it is read", async () => {
    const actor = await seedDeveloper();
    const atLimit = await refusal(upload(actor, { package: new Uint8Array(PACKAGE_LIMITS.packageBytes) }));
    expect(atLimit.code).toBe("ARCHIVE_INVALID");
    const over = await refusal(upload(actor, { package: new Uint8Array(PACKAGE_LIMITS.packageBytes + 1) }));
    expect(over.code).toBe("PACKAGE_TOO_LARGE");
  });
});

describe("an upload that breaks off", () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 40; count++) yield await Promise.resolve(noise(256 * 1024, count + 1));
    throw new Error("the client is gone");
  }

  test("leaves nothing behind", async () => {
    const actor = await seedDeveloper();
    const error = await refusal(uploadPackage(makeDeps(), actor, streamedRequest("package", broken())));
    expect([error.code, error.message]).toEqual(["BODY_UNREADABLE", "The upload broke off before its end."]);
  });

  test("without the form's end leaves nothing behind", async () => {
    const actor = await seedDeveloper();
    const body = (await uploadRequest({ package: await archiveOf() }).arrayBuffer()).slice(0, -20);
    const type = uploadRequest({ package: "" }).headers.get("content-type") ?? "";
    const boundary = new TextDecoder().decode(body.slice(2, body.byteLength)).split("\r\n")[0] ?? "";
    const headers = { "content-type": type.replace(/boundary=.*/, `boundary=${boundary}`) };
    const request = new Request("https://patchbay.test", { method: "POST", headers, body });
    const error = await refusal(uploadPackage(makeDeps(), actor, request));
    expect(error.message).toBe("The multipart form is malformed: it ends inside a part.");
  });

  test("because the store fails leaves nothing behind, and is no fault of the client's", async () => {
    const actor = await seedDeveloper();
    const store = new Proxy(env.STORE, {
      get(bucket, name) {
        if (name === "put") return () => Promise.reject(new Error("put: 10001"));
        const member: unknown = Reflect.get(bucket, name);
        return typeof member === "function" ? (member.bind(bucket) as unknown) : member;
      },
    });
    const deps = { ...makeDeps(), env: { STORE: store } };
    await expect(uploadPackage(deps, actor, uploadRequest({ package: await archiveOf() }))).rejects.toThrow(
      "put: 10001",
    );
  });

  test("with its worker is swept after an hour", async () => {
    await env.STORE.put("incoming/01STALE", "x");
    const uploaded = (await env.STORE.head("incoming/01STALE"))?.uploaded.getTime() ?? 0;
    const sweepAt = async (time: number): Promise<number> => sweepIncoming({ env, clock: { now: () => time } });
    expect(await sweepAt(uploaded + 3_599_000)).toBe(0);
    expect(await keysUnder("incoming/")).toEqual(["incoming/01STALE"]);
    expect(await sweepAt(uploaded + 3_601_000)).toBe(1);
  });
});
