import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { healthOf } from "../../../durable-objects/plugin-health/client.ts";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";
import { IsolateBook } from "../../../worker/execution/isolate-book.ts";
import { isolateId, Isolates, type IsolateBindings } from "../../../worker/execution/isolate.ts";
import { moduleKey } from "../../../worker/execution/module-store.ts";
import type { SnapshotInstall } from "../../../worker/execution/snapshot.ts";
import { counted } from "../../support/workers/probe.ts";
import { installGuests } from "./guest-installs.ts";
import { CONTEXT } from "../../support/guests/call-context.ts";

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
    context: CONTEXT,
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

  function isolates(
    book: IsolateBook,
    refuses: (id: string) => boolean = () => false,
    bindings: Partial<IsolateBindings> = {},
  ): Isolates {
    const loader = failing(env.LOADER, refuses, seen);
    const clock = { now: () => 0 };
    const pause = (): Promise<void> => Promise.resolve();
    return new Isolates({ loader, bucket: env.STORE, health: env.PLUGIN_HEALTH, book, clock, pause, ...bindings });
  }

  const idOf = (generation: number): string => isolateId(install, generation, 0);
  /** Lets the current generation fail so many times. */
  async function replaceTimes(count: number): Promise<void> {
    const health = healthOf(env.PLUGIN_HEALTH, install.installId);
    for (let failed = 0; failed < count; failed++) await health.replaceGeneration(failed);
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

  test("many calls that see the same failure make one replacement together", async () => {
    const book = new IsolateBook();
    const calls = Array.from({ length: 20 }, () => isolates(book, (id) => id === idOf(0)).call(install, callOf("x")));
    const outcomes = await Promise.all(calls);
    expect(outcomes.map((outcome) => outcome.failure)).toEqual(outcomes.map(() => undefined));
    expect(new Set(seen)).toEqual(new Set([idOf(0), idOf(1)]));
    expect(book.generation(install.installId)).toBe(1);
  });

  test("a new worker isolate gets to the current generation in one step, however many there have been", async () => {
    await replaceTimes(3);
    const outcome = await isolates(new IsolateBook(), (id) => id !== idOf(3)).call(install, callOf("hello"));
    expect(outcome.failure).toBeUndefined();
    expect(seen).toEqual([idOf(0), idOf(3)]);
  });

  test("an isolate that every call kills makes a few ids, then none", async () => {
    const book = new IsolateBook();
    const codes: string[] = [];
    for (let call = 0; call < 10; call++) {
      await isolates(book, () => true)
        .call(install, callOf("x"))
        .catch((error: unknown) => codes.push(error instanceof PlatformError ? error.code : String(error)));
    }
    expect(codes.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => "ISOLATE_UNAVAILABLE"));
    expect(codes.slice(3)).toEqual(Array.from({ length: 7 }, () => "ISOLATE_REPLACED_TOO_OFTEN"));
    expect(new Set(seen)).toEqual(new Set([0, 1, 2, 3].map(idOf)));
  });

  test("where no replacement may be made, an isolate that works again is used", async () => {
    const book = new IsolateBook();
    await replaceTimes(3);
    await expect(isolates(book, () => true).call(install, callOf("x"))).rejects.toMatchObject({
      code: "ISOLATE_UNAVAILABLE",
    });
    await expect(isolates(book, () => true).call(install, callOf("x"))).rejects.toMatchObject({
      code: "ISOLATE_REPLACED_TOO_OFTEN",
    });
    expect((await isolates(book).call(install, callOf("x"))).failure).toBeUndefined();
  });

  test("without the health object nothing is replaced, and the call says so", async () => {
    const away = new Proxy(env.PLUGIN_HEALTH, {
      get(target, name) {
        if (name === "get") return () => ({ replaceGeneration: () => Promise.reject(new Error("the object is away")) });
        return (...values: unknown[]): unknown =>
          Reflect.apply(Reflect.get(target, name, target) as () => unknown, target, values); // a namespace has methods only
      },
    });
    await expect(
      isolates(new IsolateBook(), () => true, { health: away }).call(install, callOf("x")),
    ).rejects.toMatchObject({
      code: "ISOLATE_UNAVAILABLE",
      message: "The plugin's isolate failed and could not be replaced.",
    });
    expect(seen).toEqual([idOf(0)]);
  });

  test("what is not the isolate's failure costs no generation", async () => {
    const cap = new Error(
      "Dynamic worker concurrency limit exceeded: each request may have up to 4 concurrent dynamic worker invocations.",
    );
    const capped: WorkerLoader = {
      ...env.LOADER,
      get: () => {
        throw cap;
      },
    };
    const broken = new Proxy(env.STORE, {
      get: (target, name): unknown =>
        name === "get" ? () => Promise.reject(new Error("R2 is away")) : Reflect.get(target, name, target),
    });
    const book = new IsolateBook();
    const health = counted(env.PLUGIN_HEALTH);
    await expect(
      isolates(book, undefined, { loader: capped, health: health.binding }).call(install, callOf("x")),
    ).rejects.toMatchObject({ code: "ISOLATE_BUSY" });
    await expect(
      isolates(book, undefined, { bucket: broken, health: health.binding }).call(install, callOf("x")),
    ).rejects.toMatchObject({ code: "MODULE_UNAVAILABLE" });
    expect(health.uses()).toEqual([]);
  });

  test("damaged bytes never reach the loader", async () => {
    const damaged = { ...install, rewrittenDigest: "d".repeat(64) };
    await env.STORE.put(moduleKey(damaged.rewrittenDigest), Uint8Array.of(0, 97, 115, 109));
    await expect(isolates(new IsolateBook()).call(damaged, callOf("x"))).rejects.toMatchObject({
      code: "INTEGRITY_FAILED",
    });
    expect(seen).toEqual([]);
  });

  test("the id of an install that keeps instances is its own, and stays when it changes", () => {
    const warm = { ...install, warm: { revision: 1 } };
    const other = { ...warm, installId: "other" };
    expect(new Set([install, warm, other].map((each) => isolateId(each, 0, 0))).size).toBe(3);
    expect(isolateId({ ...warm, warm: { revision: 2 }, config: { a: "b" } }, 0, 0)).toBe(isolateId(warm, 0, 0));
  });

  test("the id names code and limits, and neither tenant nor install", () => {
    expect(isolateId(install, 0, 0)).toBe(isolateId({ ...install, installId: "other", config: { a: "b" } }, 0, 0));
    const others = [
      isolateId({ ...install, rewrittenDigest: "e".repeat(64) }, 0, 0),
      isolateId({ ...install, rewriterVersion: "another" }, 0, 0),
      isolateId(install, 1, 0),
      isolateId(install, 0, 1),
    ];
    expect(new Set([isolateId(install, 0, 0), ...others]).size).toBe(5);
  });
});
