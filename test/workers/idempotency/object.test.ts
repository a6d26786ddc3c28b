import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { ANSWER_BYTES, KEY_RETENTION_MS } from "../../../durable-objects/idempotency/rules.ts";
import { IdempotentCalls } from "../../../worker/execution/idempotency/idempotent-calls.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";
import { execute, executionOf, isReplay, newKey, stubOf } from "./keyed-calls.ts";

let token: string;

beforeAll(async () => {
  await installGuests("acme", [{ guest: "wasi" }]);
  token = await mintToken({ tenant: "acme", roles: ["caller"] });
});

describe("the key's object", () => {
  async function state(key: string): Promise<unknown> {
    return runInDurableObject(await stubOf(key), (_object, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name IN ('calls', 'chunks')").toArray(),
    );
  }

  test("empties itself after a day, not before, and the key is free again", async () => {
    const key = newKey();
    const first = await execute({ token, key });
    const stub = await stubOf(key);
    expect(await runInDurableObject(stub, (_object, { storage }) => storage.getAlarm())).toBeGreaterThan(
      Date.now() + KEY_RETENTION_MS - 60_000,
    );
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect((await execute({ token, key })).body).toEqual(first.body);

    await runInDurableObject(stub, (_object, { storage }) => {
      storage.sql.exec("UPDATE calls SET started_at = started_at - ?", KEY_RETENTION_MS);
    });
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await state(key)).toEqual([]);
    const again = await execute({ token, key });
    expect([again.status, isReplay(again)]).toEqual([200, false]);
    expect(executionOf(again)).not.toBe(executionOf(first));
  });

  test("gives a claim to the next one waiting where the first is released", async () => {
    const stub = await stubOf(newKey());
    const request = (name: string) => ({ token: name, fingerprint: "f" });
    expect(await stub.claim(request("one"))).toMatchObject({ decision: "run" });
    const waiting = [stub.claim(request("two")), stub.claim(request("three"))];
    await stub.release("another");
    await stub.release("one");
    expect(await Promise.race(waiting)).toMatchObject({ decision: "run" });
    const answer = { status: 200, headers: {}, body: Uint8Array.of(1, 2) };
    await stub.complete("one", { ...answer, status: 500 });
    await stub.complete("two", answer);
    await stub.complete("three", answer);
    const decided = await Promise.all(waiting);
    expect(decided.map(({ decision }) => decision).sort()).toEqual(["answer", "run"]);
    expect(decided.find(({ decision }) => decision === "answer")?.answer).toMatchObject({ status: 200 });
  });

  test("keeps that there was an answer where it is too large to keep", async () => {
    const key = newKey();
    const calls = new IdempotentCalls(env.IDEMPOTENCY, () => undefined);
    const request = {
      tenantId: "acme",
      pluginId: "p",
      functionName: "f",
      key,
      contentType: "",
      body: new Uint8Array(),
    };
    const large = new Uint8Array(ANSWER_BYTES + 1);
    const first = await calls.answer(request, () => Promise.resolve({ response: new Response(large), keep: true }));
    expect((await first.arrayBuffer()).byteLength).toBe(ANSWER_BYTES + 1);
    const never = (): Promise<never> => Promise.reject(new Error("must not run"));
    await expect(calls.answer(request, never)).rejects.toMatchObject({
      code: "IDEMPOTENCY_ANSWER_LOST",
      message: `The first call with this idempotency key ran, but its answer has more than the ${ANSWER_BYTES} bytes that are kept; take a new key to run it again.`,
    });
  });

  test("keeps the answer for the retry of a caller who hangs up: the call outlives its request", async () => {
    const key = newKey();
    const outliving: Promise<unknown>[] = [];
    const calls = new IdempotentCalls(env.IDEMPOTENCY, (work) => void outliving.push(work));
    const request = {
      tenantId: "acme",
      pluginId: "p",
      functionName: "f",
      key,
      contentType: "",
      body: new Uint8Array(),
    };
    const first = calls.answer(request, () => Promise.resolve({ response: new Response("done"), keep: true }));
    await expect.poll(() => outliving).toHaveLength(1);
    await Promise.all(outliving); // the first caller does not wait for this
    const again = await calls.answer(request, () => Promise.reject(new Error("must not run")));
    expect(await again.text()).toBe("done");
    expect(await (await first).text()).toBe("done");
  });
});
