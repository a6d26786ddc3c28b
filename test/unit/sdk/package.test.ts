import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { USER_FUNCTIONS } from "../../../sdk/contract/user-functions.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const FOLDERS = [
  "account",
  "builder",
  "cli",
  "client",
  "contract",
  "development",
  "diagnosis",
  "inspection",
  "packaging",
  "packer",
  "plugin",
  "profile",
  "project",
  "publishing",
  "replay",
  "signing",
  "testing",
];

interface PackageFile {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

async function readPackage(file: string): Promise<PackageFile> {
  return JSON.parse(await readFile(path.join(ROOT, file), "utf8")) as PackageFile; // our own file
}

test("the SDK's package depends on what its modules import, in the versions that are tested", async () => {
  const imported = new Set<string>();
  for (const folder of FOLDERS) {
    const files = await readdir(path.join(ROOT, "sdk", folder), { recursive: true });
    for (const file of files.filter((name) => name.endsWith(".ts") && !name.includes("generated"))) {
      const text = await readFile(path.join(ROOT, "sdk", folder, file), "utf8");
      for (const [, specifier = ""] of text.matchAll(/(?:from |import |import\()"([^".][^"]*)"/g)) {
        const [first = "", second = ""] = specifier.split("/");
        if (!specifier.startsWith("node:")) imported.add(first.startsWith("@") ? `${first}/${second}` : first);
      }
    }
  }
  imported.delete("@patchbay/sdk");
  const [own, root] = await Promise.all([readPackage("sdk/package.json"), readPackage("package.json")]);
  const named = { ...own.dependencies, ...own.peerDependencies };
  expect(Object.keys(named).sort()).toEqual([...imported].sort());
  const installed = await readPackage("node_modules/miniflare/package.json"); // comes with wrangler, in its version
  const tested: Readonly<Record<string, string | undefined>> = {
    miniflare: installed.version,
    ...root.dependencies,
    ...root.devDependencies,
  };
  for (const [name, version] of Object.entries(named)) expect([name, version]).toEqual([name, tested[name]]);
});

test("the library has a function for each of the platform's", async () => {
  const folder = path.join(ROOT, "sdk/plugin/capabilities");
  const texts = await Promise.all((await readdir(folder)).map((file) => readFile(path.join(folder, file), "utf8")));
  const declared = texts.flatMap((text) =>
    [...text.matchAll(/capabilityFunction<[\s\S]*?>\(\s*"(\w+)"/g)].map(([, name]) => name),
  );
  expect(declared.sort()).toEqual(Object.keys(USER_FUNCTIONS).sort());
});
