import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import {
  digestOf,
  keepReceived,
  objectAccess,
  putBlob,
  readObject,
} from "../../../worker/control/packages/blob-store.ts";
import { IncomingWriter } from "../../../worker/control/packages/incoming-store.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { concat, noise, utf8 } from "../../fixtures/packages/bytes.ts";
import { keysUnder, storedBytes } from "./upload-fixtures.ts";

const pieces = [noise(3_000_000, 1), utf8(""), noise(10, 2)];
const whole = concat(...pieces);

async function blobOf(name: string, bytes: Uint8Array) {
  return { key: `blobs/${name}`, digest: await sha256Hex(bytes), size: bytes.length };
}

test("a blob of pieces is stored whole, once, with its metadata", async () => {
  const blob = await blobOf("pieces", whole);
  expect(await digestOf(pieces)).toBe(blob.digest);
  await putBlob(env.STORE, blob, pieces, { source: "x" });
  const first = await env.STORE.head(blob.key);
  expect(first?.customMetadata).toEqual({ source: "x" });
  expect(await sha256Hex((await storedBytes(blob.key)) ?? utf8(""))).toBe(blob.digest);
  await putBlob(env.STORE, blob, pieces, { source: "y" });
  expect((await env.STORE.head(blob.key))?.customMetadata).toEqual({ source: "x" });
});

test.each([
  ["another size", utf8("short")],
  ["other bytes of the size", whole.with(7, (whole[7] ?? 0) ^ 1)],
])("a blob that is there with %s is replaced", async (name, content) => {
  const blob = await blobOf(`damaged-${name}`, whole);
  await env.STORE.put(blob.key, content, { sha256: await sha256Hex(content) });
  await putBlob(env.STORE, blob, pieces);
  expect(await sha256Hex((await storedBytes(blob.key)) ?? utf8(""))).toBe(blob.digest);
  const received = { ...(await blobOf("received", whole)), key: "received/whole" };
  await env.STORE.put(received.key, whole);
  await env.STORE.put("blobs/kept", content);
  await keepReceived(env.STORE, received, "blobs/kept");
  expect((await env.STORE.head("blobs/kept"))?.size).toBe(whole.length);
});

test("several writers of one blob at once all succeed", async () => {
  const blob = await blobOf("race", whole);
  await Promise.all([
    putBlob(env.STORE, blob, pieces),
    putBlob(env.STORE, blob, whole),
    putBlob(env.STORE, blob, pieces),
  ]);
  expect((await env.STORE.head(blob.key))?.size).toBe(whole.length);
});

test.each([
  ["pieces", pieces],
  ["one piece", whole],
])("bytes of another digest are refused by the store: %s", async (name, content) => {
  const blob = { ...(await blobOf(`wrong-${name}`, whole)), digest: await sha256Hex("something else") };
  await expect(putBlob(env.STORE, blob, content)).rejects.toThrow(/10037/);
  expect(await env.STORE.head(blob.key)).toBeNull();
});

test("a source that fails half way ends the write with its own error", async () => {
  function* failing(): Generator<Uint8Array> {
    yield noise(2_000_000);
    throw new Error("the rewriter gave up");
  }
  const blob = await blobOf("failing", whole);
  await expect(putBlob(env.STORE, blob, failing())).rejects.toThrow("the rewriter gave up");
  expect(await env.STORE.head(blob.key)).toBeNull();
});

test.each([
  ["refuses", () => Promise.reject(new Error("put: 10001"))],
  ["wants nothing", () => Promise.resolve(null)],
])("a store that %s without reading does not hold the writer up", async (what, put) => {
  const store = new Proxy(env.STORE, {
    get(bucket, name) {
      if (name === "put") return put;
      const member: unknown = Reflect.get(bucket, name);
      return typeof member === "function" ? (member.bind(bucket) as unknown) : member;
    },
  });
  const result = await putBlob(store, await blobOf(`stalled-${what}`, whole), pieces).then(
    () => "stored by another",
    (error: unknown) => String(error),
  );
  expect(result).toBe(what === "refuses" ? "Error: put: 10001" : "stored by another");
});

test("incoming bytes are written in parts, read at any place, copied and deleted", async () => {
  const bytes = noise(20 * 1024 * 1024 + 5);
  const writer = new IncomingWriter(env.STORE, "01TEST");
  for (let start = 0; start < bytes.length; start += 1_000_003)
    await writer.write(bytes.subarray(start, start + 1_000_003));
  const received = await writer.finish();
  expect(received).toEqual({ key: "incoming/01TEST", size: bytes.length, digest: await sha256Hex(bytes) });

  const access = objectAccess(env.STORE, received);
  expect(await access.read(8 * 1024 * 1024 - 2, 4)).toEqual(bytes.slice(8 * 1024 * 1024 - 2, 8 * 1024 * 1024 + 2));
  expect(await access.read(bytes.length, 0)).toEqual(new Uint8Array(0));
  await expect(access.read(bytes.length - 1, 4)).rejects.toThrow(/cannot be read at byte/);

  await keepReceived(env.STORE, received, "blobs/copied");
  expect(await sha256Hex(await readObject(env.STORE, { ...received, key: "blobs/copied" }))).toBe(received.digest);
  await writer.discard();
  expect(await keysUnder("incoming/")).toEqual([]);
  await expect(readObject(env.STORE, received)).rejects.toThrow("cannot be read");
});

test("incoming bytes given up half way leave nothing", async () => {
  const writer = new IncomingWriter(env.STORE, "01GIVENUP");
  await writer.write(noise(9 * 1024 * 1024));
  await writer.discard();
  expect(await keysUnder("incoming/")).toEqual([]);
});
