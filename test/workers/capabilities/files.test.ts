import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { contentKey, filesOf } from "../../../durable-objects/plugin-files/client.ts";
import type { Grants } from "../../../sdk/contract/grants.ts";
import { text } from "../../support/guests/guest-isolate.ts";
import { ask, askBody, type AskOptions } from "../../support/guests/platform-guest.ts";
import { NOW } from "../../support/guests/sandbox-call.ts";

const GRANTS = { files: {} };
const HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // sha256 of "hello"
let installs = 0;

/** An install of its own for each test. */
function owner(tenantId = "demo"): AskOptions & { readonly context: { tenantId: string; installId: string } } {
  return { context: { tenantId, installId: `files-${++installs}` } };
}

function put(mine: AskOptions, path: string, body: string | Uint8Array, grants: Grants = GRANTS) {
  return ask("files_put", { path }, grants, body, mine);
}

async function storedKeys({ context: { tenantId, installId } }: ReturnType<typeof owner>): Promise<number> {
  return (await env.STORE.list({ prefix: contentKey({ tenantId, installId }, "") })).objects.length;
}

/** Lets what was dropped be old enough, and runs the alarm. */
async function sweep(mine: ReturnType<typeof owner>): Promise<void> {
  const stub = filesOf(env.PLUGIN_FILES, mine.context);
  await runInDurableObject(stub, (_object, { storage }) => {
    storage.sql.exec("UPDATE dropped SET until = 0");
    storage.sql.exec("UPDATE reserved SET until = 0");
  });
  await runDurableObjectAlarm(stub);
}

describe("files", () => {
  test("are what was put, with type and digest, until they are deleted", async () => {
    const mine = owner();
    const file = {
      path: "notes/a.txt",
      bytes: 5,
      contentType: "text/plain; charset=utf-8",
      sha256: HELLO,
      modifiedAt: NOW,
    };
    const request = { path: file.path, contentType: file.contentType };
    expect(await ask("files_put", request, GRANTS, "hello", mine)).toEqual({ value: { stored: true, ...file } });
    expect(await ask("files_head", { path: file.path }, GRANTS, "", mine)).toEqual({ value: { found: true, ...file } });
    expect(await ask("files_get", { path: file.path }, GRANTS, "", mine)).toEqual({
      value: { found: true, ...file, offset: 0, length: 5, more: false },
    });
    expect(text(await askBody("files_get", { path: file.path }, GRANTS, "", mine))).toBe("hello");
    expect(await ask("files_delete", { path: file.path }, GRANTS, "", mine)).toEqual({ value: { deleted: true } });
    expect(await ask("files_delete", { path: file.path }, GRANTS, "", mine)).toEqual({ value: { deleted: false } });
    expect(await ask("files_get", { path: file.path }, GRANTS, "", mine)).toEqual({ value: { found: false } });
  });

  test("are read in pieces", async () => {
    const mine = owner();
    const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
    await put(mine, "large", bytes);
    const pieces: Uint8Array[] = [];
    for (let offset = 0; offset < 10_000; offset += 4_000) {
      const request = { path: "large", offset, length: 4_000 };
      pieces.push((await askBody("files_get", request, GRANTS, "", mine)) ?? new Uint8Array());
      expect((await ask("files_get", request, GRANTS, "", mine)).value).toMatchObject({
        length: Math.min(4_000, 10_000 - offset),
        more: offset < 8_000,
      });
    }
    expect(Uint8Array.from(pieces.flatMap((piece) => [...piece]))).toEqual(bytes);
    expect((await ask("files_get", { path: "large", offset: 20_000 }, GRANTS, "", mine)).value).toMatchObject({
      length: 0,
      more: false,
    });
    await put(mine, "none", "");
    expect(await askBody("files_get", { path: "none" }, GRANTS, "", mine)).toEqual(new Uint8Array());
  });

  test("are replaced as a whole, and the bytes before are deleted later", async () => {
    const mine = owner();
    await put(mine, "a", "one");
    await put(mine, "a", "two!");
    expect(text(await askBody("files_get", { path: "a" }, GRANTS, "", mine))).toBe("two!");
    expect(await storedKeys(mine)).toBe(2);
    await sweep(mine);
    expect(await storedKeys(mine)).toBe(1);
    expect(await filesOf(env.PLUGIN_FILES, mine.context).used()).toEqual({ bytes: 4, files: 1 });
  });

  test("are listed by prefix, in pages", async () => {
    const mine = owner();
    for (const path of ["b/1", "b/2", "b/3", "b0", "a/1"]) await put(mine, path, "x");
    const list = async (request: object): Promise<unknown> => {
      const { value = {} } = await ask("files_list", request, GRANTS, "", mine);
      return [(value["files"] as { path: string }[]).map(({ path }) => path), value["more"]];
    };
    expect(await list({ prefix: "b/", limit: 2 })).toEqual([["b/1", "b/2"], true]);
    expect(await list({ prefix: "b/", after: "b/2" })).toEqual([["b/3"], false]);
    expect(await list({})).toEqual([["a/1", "b/1", "b/2", "b/3", "b0"], false]);
  });

  test("are another's for each install and tenant", async () => {
    const mine = owner();
    await put(mine, "a", "mine");
    expect(await ask("files_get", { path: "a" }, GRANTS, "", owner())).toEqual({ value: { found: false } });
    const sameInstall = { context: { ...mine.context, tenantId: "other" } };
    expect(await ask("files_get", { path: "a" }, GRANTS, "", sameInstall)).toEqual({ value: { found: false } });
  });

  test("survive the eviction of their register", async () => {
    const mine = owner();
    await put(mine, "a", "kept");
    await evictDurableObject(filesOf(env.PLUGIN_FILES, mine.context));
    expect(text(await askBody("files_get", { path: "a" }, GRANTS, "", mine))).toBe("kept");
  });

  test.each([
    ["", "empty"],
    ["../a", '".."'],
    ["a/../../b", '".."'],
    ["a/./b", '"."'],
    ["/a", "names"],
    ["a/", "names"],
    ["a//b", "names"],
    ["a\0b", "control"],
    ["a\\..\\b", "backslash"],
    ["\ud800", "control"],
    ["x".repeat(513), "512 bytes"],
    ["\u00e9".repeat(300), "512 bytes"],
  ])("with the path %j are refused", async (path, message) => {
    const { error } = await put(owner(), path, "x");
    expect(error?.code).toBe("HOST_REQUEST_INVALID");
    expect(error?.message).toContain("path");
    expect(error?.message).toContain(message);
  });

  test.each([["text"], ["text/html\r\nx: y"], ["a/b; c"]])("with the type %j are refused", async (contentType) => {
    const { error } = await ask("files_put", { path: "a", contentType }, GRANTS, "x", owner());
    expect(error?.message).toContain("contentType");
  });

  test("without a grant are refused", async () => {
    expect((await ask("files_list", {}, {}, "", owner())).error?.code).toBe("GRANT_MISSING");
  });
});

describe("quotas of files", () => {
  test("hold for one file, all bytes and all files, with nothing written", async () => {
    const mine = owner();
    const grants = { files: { quotas: { fileBytes: 100, bytes: 150, files: 2 } } };
    const refused = (quota: string): object => ({
      code: "CAPABILITY_QUOTA_EXCEEDED",
      message: expect.stringContaining(quota) as string,
    });
    expect((await put(mine, "a", "x".repeat(101), grants)).error).toMatchObject(refused("files.fileBytes"));
    expect(await put(mine, "a", "x".repeat(100), grants)).toHaveProperty("value");
    expect((await put(mine, "b", "x".repeat(51), grants)).error).toMatchObject(refused("files.bytes"));
    expect(await put(mine, "b", "x".repeat(50), grants)).toHaveProperty("value");
    expect((await put(mine, "c", "", grants)).error).toMatchObject(refused("files.files"));
    expect(await put(mine, "a", "x".repeat(90), grants)).toHaveProperty("value");
    expect(await filesOf(env.PLUGIN_FILES, mine.context).used()).toEqual({ bytes: 140, files: 2 });
    await sweep(mine);
    expect(await storedKeys(mine)).toBe(2);
  });

  test("hold for many who write at once", async () => {
    const mine = owner();
    const grants = { files: { quotas: { bytes: 35 } } };
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => put(mine, `f${index}`, "x".repeat(10), grants)),
    );
    expect(answers.filter(({ value }) => value !== undefined)).toHaveLength(3);
    expect(await filesOf(env.PLUGIN_FILES, mine.context).used()).toEqual({ bytes: 30, files: 3 });
  });

  test("count one file where many write it at once", async () => {
    const mine = owner();
    await put(mine, "same", "before");
    await Promise.all(Array.from({ length: 5 }, (_, index) => put(mine, "same", String(index))));
    expect(await filesOf(env.PLUGIN_FILES, mine.context).used()).toEqual({ bytes: 1, files: 1 });
    await sweep(mine);
    expect(await storedKeys(mine)).toBe(1);
  });

  test("are given back by a write that never ended, and its bytes deleted", async () => {
    const mine = owner();
    const stub = filesOf(env.PLUGIN_FILES, mine.context);
    const key = contentKey(mine.context, "lost");
    expect(await stub.reserve("lost", key, 60, { bytes: 100, files: 10 })).toBeUndefined();
    await env.STORE.put(key, "half");
    expect(await stub.reserve("next", "k", 60, { bytes: 100, files: 10 })).toEqual({ full: 120 });
    await sweep(mine);
    expect(await stub.used()).toEqual({ bytes: 0, files: 0 });
    expect(await storedKeys(mine)).toBe(0);
    const late = { path: "lost", key, bytes: 60, contentType: "a/b", sha256: "", modifiedAt: 0 };
    expect(await stub.commit(late)).toBe(false);
  });

  test("are free again once all is forgotten", async () => {
    const mine = owner();
    await put(mine, "a", "x");
    await filesOf(env.PLUGIN_FILES, mine.context).destroy();
    expect(await filesOf(env.PLUGIN_FILES, mine.context).used()).toEqual({ bytes: 0, files: 0 });
    expect(await ask("files_list", {}, GRANTS, "", mine)).toEqual({ value: { files: [], more: false } });
  });
});
