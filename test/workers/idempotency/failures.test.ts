import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { IdempotencyKey } from "../../../durable-objects/idempotency/object.ts";
import { LEASE_MS } from "../../../durable-objects/idempotency/rules.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { counted } from "../../support/workers/probe.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";
import { settledApi } from "../recording/recorded-calls.ts";
import { execute, executionOf, isReplay, newKey, stubOf } from "./keyed-calls.ts";

/** What fails for the platform's own reasons is tried again, but nothing runs twice that may have run. */

let token: string;

beforeAll(async () => {
  await installGuests("acme", [{ guest: "fail" }, { guest: "wasi" }]);
  token = await mintToken({ tenant: "acme", roles: ["caller"] });
});

describe("the platform's own failures", () => {
  /** A loader that fails so many times before it is the real one. */
  function failingLoader(failures: number): { readonly binding: WorkerLoader; tries(): number } {
    let tries = 0;
    const get: WorkerLoader["get"] = (id, code) => {
      if (++tries <= failures) throw new Error("internal error; reference = test");
      return env.LOADER.get(id, code);
    };
    return { binding: { ...env.LOADER, get }, tries: () => tries };
  }

  test("are tried again within the call, once, in the isolate's replacement", async () => {
    const loader = failingLoader(1);
    const answer = await settledApi(
      "POST",
      "/api/plugins/wasi/execute",
      { token, body: { function: "random", encoding: "base64" } },
      { LOADER: loader.binding },
    );
    expect(answer.status).toBe(200);
    expect(loader.tries()).toBe(2);
  });

  test("that stay are answered, and a later call with the key runs", async () => {
    const key = newKey();
    const loader = failingLoader(Infinity);
    const failed = await execute({ token, key, bindings: { LOADER: loader.binding } });
    expectProblem(failed, "ISOLATE_UNAVAILABLE", "The plugin's isolate failed twice.");
    expect(loader.tries()).toBe(2);
    const later = await execute({ token, key });
    expect([later.status, isReplay(later)]).toEqual([200, false]);
    expect(executionOf(later)).not.toBe(executionOf(failed));
    expect(isReplay(await execute({ token, key }))).toBe(true);
  });

  test("never follow a guest's failure", async () => {
    const loader = failingLoader(0);
    const answer = await settledApi(
      "POST",
      "/api/plugins/fail/execute",
      { token, body: { function: "run" } },
      { LOADER: loader.binding },
    );
    expect(answer.status).toBe(422);
    expect(loader.tries()).toBe(1);
  });

  test("a snapshot that R2 does not give at first is read again", async () => {
    await installGuests("slow", [{ guest: "echo" }]);
    const slow = await mintToken({ tenant: "slow", roles: ["caller"] });
    let failures = 2;
    const bucket = new Proxy(env.STORE, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return (...values: unknown[]): unknown => {
          if (name === "get" && String(values[0]).startsWith("snapshots/slow") && failures-- > 0) {
            return Promise.reject(new Error("R2 is away"));
          }
          return Reflect.apply(member, target, values);
        };
      },
    });
    const answer = await settledApi("POST", "/api/plugins/echo/execute", { token: slow, body: {} }, { STORE: bucket });
    expect(answer.status).toBe(200);
    expect(failures).toBe(-1);
  });
});

describe("where the key's object does not answer", () => {
  /** @param fails  which calls do not come back; `late`: only the object's answer is lost on the way */
  function namespace(
    fails: (method: string, count: number) => boolean,
    late = false,
  ): DurableObjectNamespace<IdempotencyKey> {
    const counts = new Map<string, number>();
    const wrap = (stub: DurableObjectStub<IdempotencyKey>): DurableObjectStub<IdempotencyKey> =>
      new Proxy(stub, {
        get(target, name) {
          const count = (counts.get(String(name)) ?? 0) + 1;
          counts.set(String(name), count);
          const method = Reflect.get(target, name, target) as (...values: unknown[]) => Promise<unknown>; // a stub has methods only
          if (!fails(String(name), count)) return method;
          return async (...values: unknown[]): Promise<never> => {
            if (late) await Reflect.apply(method, target, values);
            throw new Error("the object is away");
          };
        },
      });
    return new Proxy(env.IDEMPOTENCY, {
      get(target, name) {
        if (name === "get") return (id: DurableObjectId) => wrap(target.get(id));
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function"
          ? (...values: unknown[]): unknown => Reflect.apply(member, target, values)
          : member;
      },
    });
  }

  test("nothing runs, and the caller may try again", async () => {
    const key = newKey();
    const queue = counted(env.OUTCOMES);
    const away = { IDEMPOTENCY: namespace(() => true), OUTCOMES: queue.binding };
    const answer = await execute({ token, key, bindings: away });
    expectProblem(answer, "IDEMPOTENCY_UNAVAILABLE", "The idempotency key could not be checked; nothing ran.");
    expect(answer.headers.get("retry-after")).toBe("2");
    expect(queue.uses()).toEqual([]);
    expect((await execute({ token, key })).status).toBe(200);
  });

  test.each([false, true])("at first, it is asked again with the same claim, heard before or not: %s", async (late) => {
    const key = newKey();
    const flaky = { IDEMPOTENCY: namespace((_method, count) => count < 3, late) };
    const first = await execute({ token, key, bindings: flaky });
    expect(first.status).toBe(200);
    expect((await execute({ token, key })).body).toEqual(first.body);
  });

  test("at the end, the caller has its answer, and a later call is told that it is lost instead of running again", async () => {
    const key = newKey();
    const first = await execute({
      token,
      key,
      bindings: { IDEMPOTENCY: namespace((method) => method === "complete") },
    });
    expect(first.status).toBe(200);
    const stub = await stubOf(key);
    await runInDurableObject(stub, (_object, state) => {
      state.storage.sql.exec("UPDATE calls SET started_at = started_at - ?", LEASE_MS);
    });
    const queue = counted(env.OUTCOMES);
    expectProblem(
      await execute({ token, key, bindings: { OUTCOMES: queue.binding } }),
      "IDEMPOTENCY_ANSWER_LOST",
      "The first call with this idempotency key may have run, but never said how it ended; take a new key to run it again.",
    );
    expect(queue.uses()).toEqual([]);
  });
});
