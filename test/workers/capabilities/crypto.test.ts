import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { hex, text } from "../../support/guests/guest-isolate.ts";
import { ask, askBody, type AskOptions } from "../../support/guests/platform-guest.ts";

const GRANTS = { crypto: {} };
const KINDS = ["hmac-sha256", "aes-256-gcm", "ed25519", "ecdsa-p256"] as const;
let installs = 0;

function owner(): AskOptions & { readonly context: { tenantId: string; installId: string } } {
  return { context: { tenantId: "demo", installId: `crypto-${++installs}` } };
}

function base64(bytes: Uint8Array | string): string {
  return (typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes).toBase64();
}

async function create(mine: AskOptions, name: string, kind: string, grants: object = GRANTS) {
  return ask("crypto_key_create", { name, kind }, grants, "", mine);
}

async function signature(mine: AskOptions, key: string, body: string): Promise<Uint8Array> {
  const bytes = await askBody("crypto_sign", { key }, GRANTS, body, mine);
  return bytes ?? new Uint8Array();
}

describe("without keys", () => {
  test("HMAC as RFC 4231 §4.3 has it", async () => {
    const request = { secret: base64("Jefe") };
    const answer = await ask("crypto_hmac", request, GRANTS, "what do ya want for nothing?");
    expect(answer.value?.["hex"]).toBe("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    const sha512 = await ask(
      "crypto_hmac",
      { ...request, algorithm: "sha512" },
      GRANTS,
      "what do ya want for nothing?",
    );
    expect(sha512.value?.["hex"]).toMatch(/^164b7a7bfcf819e2e395fbe73b56e0a3/);
  });

  test("random bytes, as many as asked and never the same", async () => {
    const draw = () => askBody("crypto_random", { bytes: 32 }, GRANTS);
    const [first, second] = [await draw(), await draw()];
    expect(first?.byteLength).toBe(32);
    expect(hex(first)).not.toBe(hex(second));
    expect((await ask("crypto_random", { bytes: 65_537 }, GRANTS)).error?.message).toContain("bytes");
  });

  test("verifies Ed25519 as RFC 8032 §7.1 has it, and nothing else", async () => {
    const publicKey = {
      kty: "OKP",
      crv: "Ed25519",
      x: Uint8Array.fromHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").toBase64({
        alphabet: "base64url",
        omitPadding: true,
      }),
    };
    const right = Uint8Array.fromHex(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
    const verify = (bytes: Uint8Array, body = "") =>
      ask("crypto_verify", { publicKey, signature: base64(bytes) }, GRANTS, body);
    expect(await verify(right)).toEqual({ value: { valid: true } });
    expect(await verify(right, "x")).toEqual({ value: { valid: false } });
    expect(await verify(right.slice(0, 63))).toEqual({ value: { valid: false } });
    expect(await verify(new Uint8Array())).toEqual({ value: { valid: false } });
  });

  test("verifies an HMAC under a shared secret", async () => {
    const secret = base64("Jefe");
    const right = await askBody("crypto_hmac", { secret }, GRANTS, "body");
    const verify = (body: string) => ask("crypto_verify", { secret, signature: base64(right ?? "") }, GRANTS, body);
    expect(await verify("body")).toEqual({ value: { valid: true } });
    expect(await verify("other")).toEqual({ value: { valid: false } });
  });

  test.each([
    [{ signature: "AA==" }, "exactly one"],
    [{ key: "a", secret: "AA==", signature: "AA==" }, "exactly one"],
    [{ key: "a", signature: "not base64!" }, "signature"],
    [{ publicKey: { kty: "RSA" }, signature: "AA==" }, "publicKey"],
    [{ publicKey: { kty: "EC", crv: "P-256", x: "AA", y: "AA" }, signature: "AA==" }, "publicKey"],
  ])("refuses to verify %j", async (request, named) => {
    const { error } = await ask("crypto_verify", request, GRANTS, "x", owner());
    expect(error).toMatchObject({ code: "HOST_REQUEST_INVALID", message: expect.stringContaining(named) as string });
  });
});

describe("keys", () => {
  test.each(["hmac-sha256", "ed25519", "ecdsa-p256"])("of kind %s sign and verify", async (kind) => {
    const mine = owner();
    expect((await create(mine, "k", kind)).value).toMatchObject({ created: true, kind });
    const signed = base64(await signature(mine, "k", "body"));
    const verify = (body: string) => ask("crypto_verify", { key: "k", signature: signed }, GRANTS, body, mine);
    expect(await verify("body")).toEqual({ value: { valid: true } });
    expect(await verify("bodY")).toEqual({ value: { valid: false } });
  });

  test.each(["ed25519", "ecdsa-p256"])("of kind %s have a public half that others verify with", async (kind) => {
    const mine = owner();
    await create(mine, "k", kind);
    const { value } = await ask("crypto_key_get", { name: "k" }, GRANTS, "", mine);
    const publicKey = value?.["publicKey"];
    expect(publicKey).not.toHaveProperty("d");
    const request = { publicKey, signature: base64(await signature(mine, "k", "body")) };
    expect(await ask("crypto_verify", request, GRANTS, "body", owner())).toEqual({ value: { valid: true } });
  });

  test("encrypt and decrypt, each time to other bytes", async () => {
    const mine = owner();
    await create(mine, "k", "aes-256-gcm");
    const encrypt = () =>
      askBody("crypto_encrypt", { key: "k", additionalData: base64("row 1") }, GRANTS, "text", mine);
    const [first, second] = [(await encrypt()) ?? new Uint8Array(), await encrypt()];
    expect(hex(first)).not.toBe(hex(second));
    const decrypt = (additionalData: string, bytes: Uint8Array) =>
      ask("crypto_decrypt", { key: "k", additionalData: base64(additionalData) }, GRANTS, bytes, mine);
    expect(await decrypt("row 1", first)).toEqual({ value: {} });
    const opened = await askBody("crypto_decrypt", { key: "k", additionalData: base64("row 1") }, GRANTS, first, mine);
    expect(text(opened)).toBe("text");
    const changed = Uint8Array.from(first);
    changed[20] = (changed[20] ?? 0) ^ 1;
    for (const answer of [
      await decrypt("row 2", first),
      await decrypt("row 1", changed),
      await decrypt("row 1", first.slice(0, 27)),
    ]) {
      expect(answer.error?.code).toBe("HOST_REQUEST_INVALID");
    }
  });

  test("are made once, listed and deleted", async () => {
    const mine = owner();
    expect((await create(mine, "b", "ed25519")).value).toMatchObject({ created: true });
    expect((await create(mine, "b", "hmac-sha256")).value).toMatchObject({ created: false, kind: "ed25519" });
    await create(mine, "a", "aes-256-gcm");
    const { value } = await ask("crypto_key_list", {}, GRANTS, "", mine);
    expect(value?.["keys"]).toMatchObject([{ name: "a", kind: "aes-256-gcm" }, { name: "b" }]);
    expect(await ask("crypto_key_delete", { name: "b" }, GRANTS, "", mine)).toEqual({ value: { deleted: true } });
    expect(await ask("crypto_key_get", { name: "b" }, GRANTS, "", mine)).toEqual({ value: { found: false } });
    const gone = await ask("crypto_sign", { key: "b" }, GRANTS, "x", mine);
    expect(gone.error).toMatchObject({ code: "HOST_REQUEST_INVALID", message: 'key: there is no key "b"' });
  });

  test("do what they are for and nothing else", async () => {
    const mine = owner();
    await create(mine, "seal", "aes-256-gcm");
    await create(mine, "sign", "hmac-sha256");
    expect((await ask("crypto_sign", { key: "seal" }, GRANTS, "x", mine)).error?.message).toContain("cannot sign");
    expect((await ask("crypto_encrypt", { key: "sign" }, GRANTS, "x", mine)).error?.message).toContain(
      "cannot encrypt",
    );
  });

  test("are another install's own, and are sealed where they are kept", async () => {
    const [mine, theirs] = [owner(), owner()];
    for (const kind of KINDS) await create(mine, kind, kind);
    expect(await ask("crypto_key_get", { name: "ed25519" }, GRANTS, "", theirs)).toEqual({ value: { found: false } });
    const stored = await runInDurableObject(storageOf(env.PLUGIN_STORAGE, mine.context), (_object, state) => [
      ...state.storage.sql.exec<{ value: ArrayBuffer }>("SELECT value FROM entries"),
    ]);
    expect(stored).toHaveLength(KINDS.length);
    for (const { value } of stored) expect(new TextDecoder().decode(value)).not.toContain("kind");
  });

  test("are as many as the quota says, also where they are made at once", async () => {
    const mine = owner();
    const grants = { crypto: { quotas: { keys: 2 } } };
    const answers = await Promise.all(["a", "b", "c", "d"].map((name) => create(mine, name, "hmac-sha256", grants)));
    expect(answers.filter(({ value }) => value?.["created"] === true)).toHaveLength(2);
    const refused = answers.filter(({ error }) => error?.code === "CAPABILITY_QUOTA_EXCEEDED");
    expect(refused.map(({ error }) => error?.message)).toEqual([
      expect.stringContaining("crypto.keys"),
      expect.stringContaining("crypto.keys"),
    ]);
  });
});

test("operations are counted, and need a grant", async () => {
  const grants = { crypto: { quotas: { operations: 0 } } };
  expect((await ask("crypto_random", { bytes: 1 }, grants)).error?.code).toBe("CAPABILITY_QUOTA_EXCEEDED");
  expect((await ask("crypto_sign", { key: "k" }, {}, "", owner())).error?.code).toBe("GRANT_MISSING");
});
