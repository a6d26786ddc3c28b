import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { moduleKey, readModule } from "../../../worker/execution/module-store.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";

const bytes = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

test("a stored module is read back whole", async () => {
  const digest = await sha256Hex(bytes);
  await env.STORE.put(moduleKey(digest), bytes);
  expect(await readModule(env.STORE, digest)).toEqual(bytes);
});

test("a flipped byte in the store is found before it runs", async () => {
  const digest = await sha256Hex(bytes);
  await env.STORE.put(moduleKey(digest), Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 1));
  await expect(readModule(env.STORE, digest)).rejects.toMatchObject({ code: "INTEGRITY_FAILED" });
});

test("a missing module is an integrity failure that names it", async () => {
  const digest = "0".repeat(64);
  await expect(readModule(env.STORE, digest)).rejects.toMatchObject({
    code: "INTEGRITY_FAILED",
    message: `The module ${digest} is missing from the store.`,
  });
});

test("bytes that stop coming are the store's failure, not the module's", async () => {
  const digest = await sha256Hex(bytes);
  const body = { arrayBuffer: () => Promise.reject(new Error("Network connection lost.")) };
  const bucket = { get: () => Promise.resolve(body) } as unknown as R2Bucket; // only `get` is used
  await expect(readModule(bucket, digest)).rejects.toMatchObject({ code: "MODULE_UNAVAILABLE" });
});
