import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import worker from "../../../worker/index.ts";
import { openGuest } from "../../support/guests/guest-isolate.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "./guest-installs.ts";

const MIB = 1_048_576;
const LARGE = { input: 25 * MIB, output: 25 * MIB };

let token: string;

beforeAll(async () => {
  token = await mintToken({ tenant: "streams", roles: ["caller"] });
  await installGuests("streams", [
    { guest: "stream", limits: { ...LARGE, kernelMemory: 4 * MIB } },
    { guest: "stream", pluginId: "narrow" },
  ]);
});

interface Sent {
  readonly response: Response;
  readonly settled: () => Promise<void>;
}

/** A request whose body may be a stream, and whose answer is not read here. */
async function send(path: string, body: ReadableStream | Uint8Array | null, length?: number): Promise<Sent> {
  const context = createExecutionContext();
  const headers = new Headers({ authorization: `Bearer ${token}`, "content-type": "application/octet-stream" });
  if (length !== undefined) headers.set("content-length", String(length));
  const request = new Request(`https://patchbay.example/api/plugins/${path}`, { method: "POST", headers, body });
  const response = await worker.fetch(request as Parameters<typeof worker.fetch>[0], env, context); // the runtime adds `cf`
  return { response, settled: () => waitOnExecutionContext(context) };
}

/** A body that is made while it is read. */
function pieces(count: number, bytes: number): { readonly stream: ReadableStream<Uint8Array>; sent: () => number } {
  let sent = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent === count) return controller.close();
        controller.enqueue(new Uint8Array(bytes).fill(sent++ & 0xff));
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, sent: () => sent };
}

describe("a plugin that streams", () => {
  test("takes 25 MiB in and gives them out with 4 MiB of kernel memory, never holding more than a few pieces", async () => {
    const source = pieces(400, 65_536);
    const { response, settled } = await send("stream/execute?function=pipe", source.stream);
    expect(response.status).toBe(200);
    expect(response.headers.get("x-execution-id")).toMatch(/^[0-9A-Z]{26}$/);
    let [received, ahead] = [0, 0];
    for await (const piece of response.body ?? []) {
      received += piece.byteLength;
      ahead = Math.max(ahead, source.sent() * 65_536 - received);
    }
    expect(received).toBe(400 * 65_536);
    expect(ahead).toBeLessThan(2 * MIB);
    await settled();
  });

  test("keeps every byte in its place", async () => {
    const { response } = await send("stream/execute?function=pipe", pieces(20, 70_001).stream);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(bytes.byteLength).toBe(20 * 70_001);
    for (let piece = 0; piece < 20; piece++) {
      expect(bytes.subarray(piece * 70_001, (piece + 1) * 70_001).every((byte) => byte === piece)).toBe(true);
    }
  });

  test("may answer with an output that was set", async () => {
    const { response } = await send("stream/execute?function=count", pieces(40, 50_000).stream);
    expect(new DataView(await response.arrayBuffer()).getBigUint64(0, true)).toBe(2_000_000n);
    expect(response.headers.get("x-fuel-used")).toMatch(/^\d+$/);
  });

  test("gets an empty input where there is no body", async () => {
    const { response } = await send("stream/execute?function=count", null);
    expect(new DataView(await response.arrayBuffer()).getBigUint64(0, true)).toBe(0n);
  });

  test("reads a JSON call's input and collects what it writes", async () => {
    const answer = await openGuest("stream").call("pipe", { input: "piece by piece" });
    expect(answer.failure).toBeUndefined();
    const context = createExecutionContext();
    const request = new Request("https://patchbay.example/api/plugins/stream/execute", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ function: "pipe", input: "piece by piece" }),
    });
    const response = await worker.fetch(request as Parameters<typeof worker.fetch>[0], env, context); // the runtime adds `cf`
    expect(await response.json()).toMatchObject({ status: "succeeded", output: "piece by piece" });
  });
});

describe("limits", () => {
  test("of input, announced or not", async () => {
    const announced = await send("narrow/execute?function=count", new Uint8Array(DEFAULT_LIMITS.input + 1));
    expect(announced.response.status).toBe(413);
    const { response } = await send("narrow/execute?function=count", pieces(20, 65_536).stream);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({
      code: "INPUT_TOO_LARGE",
      limit: { name: "input", allowed: DEFAULT_LIMITS.input },
    });
  });

  test("of output: the answer breaks off, and the record says why", async () => {
    const { response, settled } = await send("stream/execute?function=flood", null);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow("OUTPUT_TOO_LARGE");
    await settled();
  });

  test("of kernel memory: pieces that are not freed", async () => {
    const { response } = await send("stream/execute?function=hoard", pieces(100, 65_536).stream);
    expect(await response.json()).toMatchObject({ code: "KERNEL_MEMORY_EXCEEDED" });
  });
});

describe("failures", () => {
  test("before the first piece are an answer of their own", async () => {
    const { response } = await send("stream/execute?function=refuse", new TextEncoder().encode("no"));
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      code: "PLUGIN_ERROR",
      detail: expect.stringContaining("no") as string,
    });
  });

  test("after it break the answer off", async () => {
    const { response } = await send("stream/execute?function=break", null);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow("PLUGIN_TRAPPED");
  });

  test("a caller who goes away ends the call", async () => {
    const { response, settled } = await send("stream/execute?function=flood", null);
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await settled();
    const good = await send("stream/execute?function=count", null);
    expect(good.response.status).toBe(200);
  });

  test("an input that breaks off is the caller's fault", async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error("connection lost"));
      },
    });
    const { response } = await send("stream/execute?function=count", broken);
    expect(await response.json()).toMatchObject({ code: "CALLER_GONE" });
  });
});
