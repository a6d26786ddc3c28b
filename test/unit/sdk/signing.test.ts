import { generateKeyPairSync, createPublicKey } from "node:crypto";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inspectPackage } from "../../../sdk/inspection/inspect-package.ts";
import { collectPackage, SIGNATURE_FILE, type PackageFiles } from "../../../sdk/packaging/package-folder.ts";
import { packageForm } from "../../../sdk/packaging/package-form.ts";
import { createKey, listKeys, privateKeyNamed, readPublicKey } from "../../../sdk/signing/key-store.ts";
import { keyIdOf, readSignature, signPackage, verifyPackage } from "../../../sdk/signing/signature.ts";
import { utf8 } from "../../fixtures/packages/bytes.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { extismModule } from "../../fixtures/packages/modules.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "signing-"));
  process.env["PATCHBAY_CONFIG"] = folder;
});
afterEach(async () => {
  delete process.env["PATCHBAY_CONFIG"];
  await rm(folder, { recursive: true });
});

const files = new Map([
  ["manifest.json", utf8(JSON.stringify(manifestOf()))],
  ["plugin.wasm", extismModule()],
]);
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const signed = new Map([...files, [SIGNATURE_FILE, signPackage(files, privateKey)]]);

describe("a signature", () => {
  test("is of every file, and the same for the same files and key", () => {
    expect(verifyPackage(signed, [publicKey])).toMatchObject({
      keyId: keyIdOf(publicKey),
      statement: {
        pluginId: "acme.count",
        version: "1.0.0",
        files: [{ path: "manifest.json" }, { path: "plugin.wasm", bytes: extismModule().length }],
      },
    });
    expect(signPackage(new Map([...files].reverse()), privateKey)).toEqual(signed.get(SIGNATURE_FILE));
    expect(keyIdOf(privateKey)).toBe(keyIdOf(createPublicKey(privateKey)));
  });

  const changed = (name: string, content: Uint8Array | undefined): PackageFiles => {
    const others = [...signed].filter(([known]) => known !== name);
    return new Map(content ? [...others, [name, content]] : others);
  };
  test.each<[string, PackageFiles, string]>([
    ["a changed file", changed("plugin.wasm", extismModule({ memoryPages: 2 })), "plugin.wasm was changed"],
    ["a file more", changed("notes.txt", utf8("x")), "it does not name notes.txt"],
    ["a file less", changed("plugin.wasm", undefined), "plugin.wasm is missing"],
    [
      "another version",
      changed("manifest.json", utf8(JSON.stringify(manifestOf({ version: "2.0.0" })))),
      "it says acme.count 1.0.0",
    ],
    ["no signature", files, "The package has no signature.json"],
    ["something else", changed(SIGNATURE_FILE, utf8("{}")), "is no signature of a package"],
  ])("is refused for %s", (_name, given, message) => {
    expect(() => verifyPackage(given, [publicKey])).toThrow(message);
  });

  test("is refused where it was forged, or by a key that nobody trusts", () => {
    const envelope = JSON.parse(new TextDecoder().decode(signed.get(SIGNATURE_FILE))) as {
      signatures: [{ sig: string }];
    }; // as signed above
    const [first] = envelope.signatures;
    const bytes = Buffer.from(first.sig, "base64");
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    first.sig = bytes.toString("base64");
    const forged = changed(SIGNATURE_FILE, utf8(JSON.stringify(envelope)));
    expect(() => verifyPackage(forged, [publicKey])).toThrow("does not hold");
    const stranger = generateKeyPairSync("ed25519").publicKey;
    expect(() => verifyPackage(signed, [stranger])).toThrow("none of the keys that are trusted here");
  });

  test("goes into the package, which is taken as before", async () => {
    for (const [name, content] of signed) await writeFile(path.join(folder, name), content);
    const collected = await collectPackage({ folder });
    expect(readSignature(collected).statement.pluginId).toBe("acme.count");
    expect(await inspectPackage(packageForm(collected), "acme")).toMatchObject({
      accepted: true,
      version: { scan: { verdict: "clean", findings: [] } },
    });
  });
});

describe("a key", () => {
  test("is made once, kept for its owner alone, and listed by its name", async () => {
    const { keyId } = await createKey("release");
    expect((await stat(path.join(folder, "keys/release.key"))).mode & 0o777).toBe(0o600);
    expect(await listKeys()).toMatchObject([{ name: "release", keyId }]);
    expect(keyIdOf(await privateKeyNamed("release"))).toBe(keyId);
    expect(keyIdOf(await readPublicKey(path.join(folder, "keys/release.pub")))).toBe(keyId);
    await expect(createKey("release")).rejects.toThrow('There is a key "release" already');
  });

  test("is not taken where it is none", async () => {
    await expect(privateKeyNamed("default")).rejects.toThrow("`patchbay keys create` makes one");
    await expect(privateKeyNamed("../x")).rejects.toThrow("is no name of a key");
    const file = path.join(folder, "other.pub");
    await writeFile(
      file,
      generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "pem", type: "spki" }),
    );
    await expect(readPublicKey(file)).rejects.toThrow("holds no Ed25519 key");
  });
});
