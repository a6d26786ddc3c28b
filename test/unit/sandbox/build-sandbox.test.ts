import { createHash } from "node:crypto";
import { appendFile, cp, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { buildSandbox } from "../../../scripts/build-sandbox.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const copies: string[] = [];

/** The sandbox's sources in a folder of their own, without anything built. */
async function copySources(): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), "patchbay-sandbox-"));
  copies.push(root);
  for (const folder of ["sdk/contract", "worker/execution/sandbox"]) {
    await cp(path.join(ROOT, folder), path.join(root, folder), {
      recursive: true,
      filter: (file) => !file.includes(".generated."),
    });
  }
  await symlink(path.join(ROOT, "node_modules"), path.join(root, "node_modules"));
  return root;
}

afterEach(async () => {
  for (const root of copies.splice(0)) await rm(root, { recursive: true });
});

interface Built {
  readonly logged: readonly string[];
  readonly program: string;
  /** Both, one behind the other. */
  readonly kernels: Buffer;
}

async function build(root: string): Promise<Built> {
  const logged: string[] = [];
  await buildSandbox({ root, log: (message) => logged.push(message) });
  const kernels = ["kernel", "profile-kernel"].map((name) => `worker/execution/sandbox/${name}.generated.wasm`);
  return {
    logged,
    program: await readFile(path.join(root, "worker/execution/sandbox-program.generated.ts"), "utf8"),
    kernels: Buffer.concat(await Promise.all(kernels.map((file) => readFile(path.join(root, file))))),
  };
}

test("the same sources give the same bytes, and are built once", async () => {
  const [first, elsewhere] = [await copySources(), await copySources()];
  const built = await build(first);
  const other = await build(elsewhere);
  expect(other.program).toBe(built.program);
  expect(other.kernels.equals(built.kernels)).toBe(true);
  expect(built.logged[0]).toMatch(/^sandbox program \d+ bytes, kernels \d+ and \d+ bytes, [0-9a-f]{12}$/);
  expect((await build(first)).logged).toEqual([]);
});

test("the digest covers program and kernels, and a changed source is built again", async () => {
  const root = await copySources();
  const built = await build(root);
  const source: unknown = JSON.parse(/SANDBOX_SOURCE: string = (".*");\n/.exec(built.program)?.[1] ?? "null");
  const digest = /SANDBOX_DIGEST: string = "([0-9a-f]{64})";\n/.exec(built.program)?.[1];
  expect(digest).toBe(createHash("sha256").update(String(source)).update(built.kernels).digest("hex"));
  expect(source).toMatch(/from"cloudflare:workers"/);
  expect(source).toMatch(/from"\.\/kernel\.wasm"/);
  expect(source).toMatch(/from"\.\/plugin\.wasm"/);

  await appendFile(path.join(root, "worker/execution/sandbox/entrypoint.ts"), "console.log(1);\n");
  const changed = await build(root);
  expect(changed.logged).toHaveLength(1);
  expect(changed.program).not.toContain(digest);
});
