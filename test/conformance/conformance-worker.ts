import { spawn } from "node:child_process";
import path from "node:path";
import type { SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import { exitOf, waitUntilUp, wranglerCommand } from "../../scripts/local-worker.ts";
import { freePort } from "../support/node/running-patchbay.ts";
import type { CallAnswer, CallOrder, CallRequest, HostedCall } from "./worker/protocol.ts";

/** A program and modules in an isolate of workerd. */
export interface Isolate {
  /** @throws {Error} where the host itself failed */
  call(calls: readonly HostedCall[], order: CallOrder): Promise<SandboxOutcome[]>;
}

export interface ConformanceWorker {
  /** @param outbound  whether the isolate itself may reach the network */
  load(
    id: string,
    entrypoint: string,
    modules: Readonly<Record<string, string | Uint8Array>>,
    outbound?: boolean,
  ): Promise<Isolate>;
  stop(): Promise<void>;
}

const CALL_MS = 60_000;

/** Runs worker/worker.ts in workerd until it is stopped. */
export async function startConformanceWorker(root: string): Promise<ConformanceWorker> {
  const port = await freePort();
  const flags = ["--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0", "--log-level", "error"];
  const child = spawn(
    process.execPath,
    [wranglerCommand(root), "dev", "--local", ...flags, "--show-interactive-dev-session", "false"],
    {
      cwd: path.join(root, "test/conformance/worker"),
      env: { ...process.env, WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", CI: "1" },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let messages = "";
  child.stderr.on("data", (chunk) => (messages += String(chunk)));
  const url = `http://127.0.0.1:${port}`;
  await waitUntilUp(child, url).catch((error: unknown) => {
    throw new Error(`The suite's worker did not start:\n${messages}`, { cause: error });
  });
  return {
    async load(id, entrypoint, modules, outbound = false) {
      const isolate = `${url}/isolates/${id}`;
      const put = () => send(`${isolate}${outbound ? "?outbound" : ""}`, { method: "PUT", body: formOf(modules) });
      await put();
      return {
        call: (calls, order) => callIn(isolate, put, { entrypoint, order, calls: calls.map(encodeCall) }),
      };
    },
    async stop() {
      const ended = exitOf(child);
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function formOf(modules: Readonly<Record<string, string | Uint8Array>>): FormData {
  const form = new FormData();
  for (const [name, content] of Object.entries(modules)) {
    form.set(name, typeof content === "string" ? content : new Blob([new Uint8Array(content)]));
  }
  return form;
}

/** @param put  loads the isolate once more: the worker forgets it where wrangler starts it anew */
async function callIn(isolate: string, put: () => Promise<Response>, request: CallRequest): Promise<SandboxOutcome[]> {
  const post = { method: "POST", body: JSON.stringify(request) };
  let answer = await send(`${isolate}/calls`, post, [404]);
  if (answer.status === 404) {
    await put();
    answer = await send(`${isolate}/calls`, post);
  }
  const answers = (await answer.json()) as CallAnswer[]; // our own worker's
  return answers.map(decodeAnswer);
}

function encodeCall(call: HostedCall): CallRequest["calls"][number] {
  return { ...call, input: base64(call.input), randomSeed: base64(call.randomSeed) };
}

function decodeAnswer({ outcome, hostError }: CallAnswer): SandboxOutcome {
  if (outcome === undefined) throw new Error(hostError ?? "no outcome");
  const { output, ...rest } = outcome;
  return {
    ...rest,
    failure: outcome.failure,
    output: output === undefined ? undefined : new Uint8Array(Buffer.from(output, "base64")),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

async function send(url: string, init: RequestInit, accepted: readonly number[] = []): Promise<Response> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(CALL_MS) });
  if (answer.ok || accepted.includes(answer.status)) return answer;
  throw new Error(`${url}: HTTP ${answer.status} ${await answer.text()}`);
}
