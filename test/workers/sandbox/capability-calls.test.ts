import { RpcTarget } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { HostAnswer, HostBridge, HostRequest } from "../../../sdk/contract/user-functions.ts";
import { CONTEXT } from "../../support/guests/call-context.ts";
import { hex, openGuest, text } from "../../support/guests/guest-isolate.ts";
import { NOW } from "../../support/guests/sandbox-call.ts";

/** SHA-256 of "abc" (FIPS 180-4, appendix). */
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const GRANTED = { crypto: {} };

/** Answers as a test says; stands for the worker, never for the sandbox. */
class ScriptedBridge extends RpcTarget implements HostBridge {
  readonly #answer: (request: HostRequest) => Promise<HostAnswer>;

  constructor(answer: (request: HostRequest) => Promise<HostAnswer>) {
    super();
    this.#answer = answer;
  }

  call(request: HostRequest): Promise<HostAnswer> {
    return this.#answer(request);
  }
}

function never(): Promise<HostAnswer> {
  return new Promise(() => undefined);
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

describe("a capability call", () => {
  test("waits for the worker's answer, and gets its bytes", async () => {
    const guest = openGuest("capability");
    const json = await guest.call("digest", { input: "abc" }, GRANTED);
    expect(json.failure).toBeUndefined();
    expect(text(json.output)).toBe(`{"value":{"hex":"${ABC}"}}`);
    expect(json.usage.hostCalls).toBe(1);
    const body = await guest.call("digest_bytes", { input: "abc" }, GRANTED);
    expect(hex(body.output)).toBe(ABC);
  });

  test("costs the same fuel each time", async () => {
    const guest = openGuest("capability");
    const [one, two] = [
      await guest.call("digest", { input: "abc" }, GRANTED),
      await guest.call("digest", { input: "abc" }, GRANTED),
    ];
    expect(one.usage.fuel).toBe(two.usage.fuel);
    expect(one.usage.fuel).toBeGreaterThan(20_000);
  });

  test("without a grant is told so, and may go on", async () => {
    const outcome = await openGuest("capability").call("digest", { input: "abc" });
    expect(outcome.failure).toBeUndefined();
    expect(JSON.parse(text(outcome.output) ?? "")).toEqual({
      error: {
        code: "GRANT_MISSING",
        message: "The plugin has no grant for crypto: digests, signatures and keys held by the host.",
      },
    });
  });

  test("that was refused excuses a plugin which gives up", async () => {
    const outcome = await openGuest("capability").call("give_up", { input: "abc" });
    expect(outcome.failure?.code).toBe("GRANT_MISSING");
    expect(outcome.failure?.detail).toContain("The plugin gave up:");
  });

  test("that was served does not", async () => {
    const outcome = await openGuest("capability").call("give_up", { input: "abc" }, GRANTED);
    expect(outcome.failure?.code).toBe("PLUGIN_ERROR");
  });

  test.each([
    { name: "invalid", message: /^The request of crypto_digest is not valid: algorithm: / },
    { name: "empty", message: /^The request of crypto_digest is not valid: algorithm: / },
  ])("with a request that does not fit: $name", async ({ name, message }) => {
    const outcome = await openGuest("capability").call(name, {}, GRANTED);
    expect(JSON.parse(text(outcome.output) ?? "")).toEqual({
      error: { code: "HOST_REQUEST_INVALID", message: expect.stringMatching(message) as string },
    });
  });

  test("over the grant's quota is refused with the quota's name", async () => {
    const outcome = await openGuest("capability").call(
      "digest",
      { input: "abc" },
      { crypto: { quotas: { operations: 0 } } },
    );
    expect(JSON.parse(text(outcome.output) ?? "")).toMatchObject({ error: { code: "CAPABILITY_QUOTA_EXCEEDED" } });
  });

  test("is counted: the limit of host calls ends the guest", async () => {
    const outcome = await openGuest("capability").call("flood", { limits: { hostCalls: 3 } }, GRANTED);
    expect(outcome.failure).toEqual({
      code: "HOST_CALLS_EXCEEDED",
      detail: "The plugin made 4 capability calls; the limit is 3.",
      limit: { name: "hostCalls", used: 4, allowed: 3 },
    });
  });

  test("that is never answered ends at the deadline, and the isolate lives on", async () => {
    const guest = openGuest("capability");
    const outcome = await guest.call("digest", { limits: { wallClock: 30 } }, new ScriptedBridge(never));
    expect(outcome.failure?.code).toBe("WALL_CLOCK_EXCEEDED");
    expect((await guest.call("fine")).failure).toBeUndefined();
  });

  test("that the worker fails ends the call as the platform's fault", async () => {
    const broken = new ScriptedBridge(() => Promise.reject(new Error("gone")));
    const outcome = await openGuest("capability").call("digest", {}, broken);
    expect(outcome.failure).toEqual({
      code: "CAPABILITY_UNAVAILABLE",
      detail: "The platform could not answer the plugin's call of crypto_digest.",
    });
  });

  test("with an answer larger than kernel memory gets none", async () => {
    const large = new ScriptedBridge(() =>
      Promise.resolve({ answer: bytes("x".repeat(2 ** 20)), body: undefined, failure: undefined }),
    );
    const outcome = await openGuest("capability").call("digest", { limits: { kernelMemory: 2 ** 17 } }, large);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.output).toEqual(new Uint8Array(0));
  });
});

describe("calls of two tenants in one isolate", () => {
  test("each have their own authority and answers, while both wait", async () => {
    const guest = openGuest("capability");
    const release = Promise.withResolvers<void>();
    let waiting = 0;
    const bridgeOf = (secret: string): ScriptedBridge =>
      new ScriptedBridge(async () => {
        if (++waiting === 4) release.resolve();
        await release.promise;
        return { answer: bytes(`{"value":"${secret}"}`), body: bytes(secret), failure: undefined };
      });
    const secrets = ["one", "two", "three", "four"];
    const outcomes = await Promise.all(
      secrets.map((secret) => guest.call("digest_bytes", { input: secret }, bridgeOf(secret))),
    );
    expect(outcomes.map((outcome) => text(outcome.output))).toEqual(secrets);
    const [granted, refused] = await Promise.all([
      guest.call("digest", { input: "abc" }, GRANTED),
      guest.call("digest", { input: "abc" }, {}),
    ]);
    expect(text(granted.output)).toContain(ABC);
    expect(text(refused.output)).toContain("GRANT_MISSING");
  });
});

describe("inside the isolate", () => {
  test("a call knows for whom it runs", async () => {
    const outcome = await openGuest("capability").call("context");
    expect(JSON.parse(text(outcome.output) ?? "")).toEqual({ ...CONTEXT, deadline: NOW + 5_000 });
  });

  test("there are no bytes before the first capability call", async () => {
    const outcome = await openGuest("capability").call("body_without_call");
    expect(outcome.output).toEqual(new Uint8Array(0));
  });
});
