import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { contentKey, filesOf } from "../../../durable-objects/plugin-files/client.ts";
import { MOST_BEGUN, MOST_PIECES } from "../../../durable-objects/plugin-files/rules.ts";
import type { Grants } from "../../../sdk/contract/grants.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { text } from "../../support/guests/guest-isolate.ts";
import { ask, askBody, type Answer, type AskOptions } from "../../support/guests/platform-guest.ts";

/** Files that plugins write in pieces. */

const GRANTS = { files: {} };
let installs = 0;

type Mine = AskOptions & { readonly context: { tenantId: string; installId: string } };

/** An install of its own for each test. */
function owner(): Mine {
  return { context: { tenantId: "demo", installId: `pieces-${++installs}` } };
}

async function begin(mine: Mine, path = "a", grants: Grants = GRANTS): Promise<string> {
  const { value } = await ask("files_begin", { path, contentType: "text/plain" }, grants, "", mine);
  return value?.["id"] as string; // a file without one fails what follows
}

const append = (mine: Mine, id: string, body: string | Uint8Array, grants: Grants = GRANTS): Promise<Answer> =>
  ask("files_append", { id }, grants, body, mine);
const finish = (mine: Mine, id: string): Promise<Answer> => ask("files_finish", { id }, GRANTS, "", mine);
const register = (mine: Mine) => filesOf(env.PLUGIN_FILES, mine.context);

async function storedKeys({ context }: Mine): Promise<number> {
  return (await env.STORE.list({ prefix: contentKey(context, "") })).objects.length;
}

/** Lets what was dropped or never ended be old enough, and runs the alarm. */
async function sweep(mine: Mine): Promise<void> {
  const stub = register(mine);
  await runInDurableObject(stub, (_object, { storage }) => {
    for (const table of ["dropped", "reserved", "begun"]) storage.sql.exec(`UPDATE ${table} SET until = 0`);
  });
  await runDurableObjectAlarm(stub);
}

const refused = (code: string, part: string) => ({
  error: { code, message: expect.stringContaining(part) as string },
});

describe("a file in pieces", () => {
  test("is there as a whole once it is finished, and its pieces are deleted", async () => {
    const mine = owner();
    const pieces = [1, 70_000, 3, 0, 50_000].map((length, index) => new Uint8Array(length).fill(index));
    const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
    const id = await begin(mine);
    for (const [index, piece] of pieces.entries()) {
      const bytes = pieces.slice(0, index + 1).reduce((sum, { length }) => sum + length, 0);
      expect(await append(mine, id, piece)).toEqual({ value: { id, bytes, pieces: index + 1 } });
    }
    expect((await ask("files_head", { path: "a" }, GRANTS, "", mine)).value).toEqual({ found: false });
    expect((await finish(mine, id)).value).toMatchObject({
      stored: true,
      path: "a",
      bytes: whole.length,
      contentType: "text/plain",
      sha256: await sha256Hex(whole),
    });
    const read = { path: "a", length: whole.length };
    expect(await askBody("files_get", read, GRANTS, "", mine)).toEqual(whole);
    await sweep(mine);
    expect(await storedKeys(mine)).toBe(1);
    expect(await askBody("files_get", read, GRANTS, "", mine)).toEqual(whole);
    expect(await register(mine).used()).toEqual({ bytes: whole.length, files: 1 });
  });

  test("may be empty, and survives the eviction of its register", async () => {
    const mine = owner();
    const id = await begin(mine);
    await evictDurableObject(register(mine));
    expect((await finish(mine, id)).value).toMatchObject({ bytes: 0 });
  });

  test("replaces what there was only when it is finished", async () => {
    const mine = owner();
    await ask("files_put", { path: "a" }, GRANTS, "before", mine);
    const id = await begin(mine);
    await append(mine, id, "after");
    expect(text(await askBody("files_get", { path: "a" }, GRANTS, "", mine))).toBe("before");
    await finish(mine, id);
    expect(text(await askBody("files_get", { path: "a" }, GRANTS, "", mine))).toBe("after");
  });

  test("that is aborted leaves nothing, and is not there any more", async () => {
    const mine = owner();
    const id = await begin(mine);
    await append(mine, id, "x");
    expect(await ask("files_abort", { id }, GRANTS, "", mine)).toEqual({ value: { aborted: true } });
    expect(await ask("files_abort", { id }, GRANTS, "", mine)).toEqual({ value: { aborted: false } });
    expect(await append(mine, id, "y")).toMatchObject(refused("HOST_REQUEST_INVALID", "is begun"));
    expect(await finish(mine, id)).toMatchObject(refused("HOST_REQUEST_INVALID", "is begun"));
    await sweep(mine);
    expect(await storedKeys(mine)).toBe(0);
    expect(await register(mine).used()).toEqual({ bytes: 0, files: 0 });
  });

  test("that nobody finishes is given up, with its pieces and what it took of the quotas", async () => {
    const mine = owner();
    const id = await begin(mine);
    await append(mine, id, "x");
    expect(await register(mine).used()).toEqual({ bytes: 1, files: 1 });
    await sweep(mine);
    expect(await storedKeys(mine)).toBe(0);
    expect(await register(mine).used()).toEqual({ bytes: 0, files: 0 });
    expect(await finish(mine, id)).toMatchObject(refused("HOST_REQUEST_INVALID", "is begun"));
  });

  test("is not finished while a piece is on its way, nor out of pieces that are gone", async () => {
    const mine = owner();
    const id = await begin(mine);
    const key = contentKey(mine.context, id);
    const quotas = { bytes: 100, fileBytes: 100 };
    expect(await register(mine).reservePiece(key, 5, quotas)).toMatchObject({ piece: 0 });
    expect(await finish(mine, id)).toMatchObject(refused("HOST_REQUEST_INVALID", "still being appended"));
    await register(mine).storedPiece(key);
    // The object was never written.
    expect(await finish(mine, id)).toMatchObject(refused("CAPABILITY_UNAVAILABLE", ""));
    expect((await ask("files_head", { path: "a" }, GRANTS, "", mine)).value).toEqual({ found: false });
    expect(await register(mine).used()).toEqual({ bytes: 0, files: 0 });
  });

  test("is nobody else's", async () => {
    const [mine, other] = [owner(), owner()];
    const id = await begin(mine);
    expect(await append(other, id, "x")).toMatchObject(refused("HOST_REQUEST_INVALID", "is begun"));
  });
});

describe("a plugin that writes without end", () => {
  test("is stopped by each quota, with what it wrote before unharmed", async () => {
    const mine = owner();
    const grants = { files: { quotas: { fileBytes: 100, bytes: 150, files: 2 } } };
    const id = await begin(mine, "a", grants);
    await append(mine, id, "x".repeat(60), grants);
    const large = refused("CAPABILITY_QUOTA_EXCEEDED", "files.fileBytes");
    expect(await append(mine, id, "x".repeat(41), grants)).toMatchObject(large);
    const second = await begin(mine, "b", grants);
    const full = refused("CAPABILITY_QUOTA_EXCEEDED", "files.bytes");
    expect(await append(mine, second, "x".repeat(91), grants)).toMatchObject(full);
    expect(await append(mine, second, "x".repeat(90), grants)).toHaveProperty("value");
    const crowded = await ask("files_begin", { path: "c" }, grants, "", mine);
    expect(crowded).toMatchObject(refused("CAPABILITY_QUOTA_EXCEEDED", "files.files"));
    expect((await finish(mine, id)).value).toMatchObject({ bytes: 60 });
  });

  test("may begin so many files, also of one path", async () => {
    const mine = owner();
    for (let index = 0; index < MOST_BEGUN; index++) expect(await begin(mine)).toBeDefined();
    const more = await ask("files_begin", { path: "a" }, GRANTS, "", mine);
    expect(more).toMatchObject(refused("HOST_REQUEST_INVALID", `At most ${MOST_BEGUN} files may be begun`));
  });

  test("may write so many pieces", async () => {
    const mine = owner();
    const id = await begin(mine);
    await runInDurableObject(register(mine), (_object, { storage }) => {
      storage.sql.exec("UPDATE begun SET pieces = ?, stored = ?", MOST_PIECES, MOST_PIECES);
    });
    expect(await append(mine, id, "x")).toMatchObject(refused("HOST_REQUEST_INVALID", `${MOST_PIECES} pieces`));
  });
});
