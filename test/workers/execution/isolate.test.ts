import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";
import { IsolateBook } from "../../../worker/execution/isolate-book.ts";
import { isolateId, Isolates } from "../../../worker/execution/isolate.ts";
import { moduleKey } from "../../../worker/execution/module-store.ts";
import type { SnapshotInstall } from "../../../worker/execution/snapshot.ts";
import { installGuests } from "./guest-installs.ts";

function callOf(input: string): SandboxCall {
  return {
    executionId: "x",
    functionName: "run",
    input: new TextEncoder().encode(input),
    config: {},
    limits: DEFAULT_LIMITS,
    logLevel: 2,
    now: 0,
    randomSeed: new Uint8Array(32),
  };
}

/** A loader that refuses the ids it is told to, as the runtime does for an isolate that failed to start. */
function failing(loader: WorkerLoader, refuses: (id: string) => boolean, seen: string[]): WorkerLoader {
  return {
    ...loader,
    get: (id, getCode) => {
      seen.push(String(id));
      if (id !== null && refuses(id)) throw new Error("internal error; reference = test");
      return loader.get(id, getCode);
    },
  };
}

describe("Isolates", () => {
  let install: SnapshotInstall;
  let seen: string[];

  beforeEach(async () => {
    const snapshot = await installGuests("isolated", [{ guest: "echo" }]);
    const found = snapshot.installs["echo"];
    if (!found) throw new Error("echo is not installed");
    install = { ...found, installId: crypto.randomUUID() };
    seen = [];
  });

  function isolates(book: IsolateBook, refuses: (id: string) => boolean = () => false): Isolates {
    const loader = failing(env.LOADER, refuses, seen);
    return new Isolates({ loader, bucket: env.STORE, health: env.PLUGIN_HEALTH, book });
  }

  test("an isolate that fails is replaced once, and the replacement is remembered everywhere", async () => {
    const first = isolateId(install, 0, 0);
    const book = new IsolateBook();
    const outcome = await isolates(book, (id) => id === first).call(install, callOf("hello"));
    expect(new TextDecoder().decode(outcome.output)).toBe("hello");
    expect(seen).toEqual([first, isolateId(install, 1, 0)]);
    await isolates(book).call(install, callOf("again"));
    expect(seen.at(-1)).toBe(isolateId(install, 1, 0));
    // Another location meets the same failure and learns of the generation already chosen.
    await isolates(new IsolateBook(), (id) => id === first).call(install, callOf("elsewhere"));
    expect(seen.slice(-2)).toEqual([first, isolateId(install, 1, 0)]);
  });

  test("an isolate whose replacement fails too is unavailable", async () => {
    await expect(isolates(new IsolateBook(), () => true).call(install, callOf("x"))).rejects.toMatchObject({
      code: "ISOLATE_UNAVAILABLE",
    });
    expect(seen).toHaveLength(2);
  });

  test("damaged bytes never reach the loader", async () => {
    const damaged = { ...install, rewrittenDigest: "d".repeat(64) };
    await env.STORE.put(moduleKey(damaged.rewrittenDigest), Uint8Array.of(0, 97, 115, 109));
    await expect(isolates(new IsolateBook()).call(damaged, callOf("x"))).rejects.toMatchObject({
      code: "INTEGRITY_FAILED",
    });
    expect(seen).toEqual([]);
  });

  test("the id names code and limits, and neither tenant nor install", () => {
    expect(isolateId(install, 0, 0)).toBe(isolateId({ ...install, installId: "other", config: { a: "b" } }, 0, 0));
    const others = [
      isolateId({ ...install, rewrittenDigest: "e".repeat(64) }, 0, 0),
      isolateId({ ...install, rewriterVersion: "2" }, 0, 0),
      isolateId(install, 1, 0),
      isolateId(install, 0, 1),
    ];
    expect(new Set([isolateId(install, 0, 0), ...others]).size).toBe(5);
  });
});
