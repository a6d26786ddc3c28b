import { createPlugin, type Plugin } from "@extism/extism";
import { WorkerEntrypoint } from "cloudflare:workers";
import plugin from "isolate/plugin.wasm";
import type { LogLine, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import type { HostedCall } from "./protocol.ts";

/** @extism/extism as a program for an isolate, with the module as its compiler left it. Answers in the shape of our own host. */

const WASI = WebAssembly.Module.imports(plugin).some(({ module }) => module === "wasi_snapshot_preview1");

/** How the WASI library of the reference host begins its own messages. */
const DEBUG_FORMAT = "%c%s";

/** Standard output and error go to the console there is when a plugin is opened, in pieces as they are written. */
function catchConsole(logs: LogLine[]): () => void {
  const rest = { stdout: "", stderr: "" };
  const write = (level: keyof typeof rest) => (text: unknown) => {
    if (text === DEBUG_FORMAT) return;
    const lines = `${rest[level]}${String(text)}`.split("\n");
    rest[level] = lines.pop() ?? "";
    logs.push(...lines.map((line) => ({ level, text: line })));
  };
  console.log = write("stdout");
  console.error = write("stderr");
  return () => {
    for (const level of ["stdout", "stderr"] as const) if (rest[level] !== "") logs.push({ level, text: rest[level] });
  };
}

function open({ config = {}, grants = {} }: Partial<HostedCall>, logs: LogLine[]): Promise<Plugin> {
  const at = (level: LogLine["level"]) => (text: unknown) => void logs.push({ level, text: String(text) });
  const logger = { trace: at("trace"), debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return createPlugin(plugin, {
    useWasi: WASI,
    config: { ...config },
    // It knows hosts without ports.
    allowedHosts: (grants.http?.hosts ?? []).map((host) => host.replace(/:\d+$/, "")),
    allowHttpResponseHeaders: true,
    logLevel: "trace",
    enableWasiOutput: true,
    logger: { ...console, ...logger },
  });
}

async function callPlugin(
  opened: Promise<Plugin>,
  { functionName, input }: HostedCall,
  logs: LogLine[],
): Promise<SandboxOutcome> {
  const usage = { fuel: 0, memoryBytes: 0, hostCalls: 0 };
  const rest = { usage, logs, logsTruncated: false };
  try {
    const output = await (await opened).call(functionName, input);
    return { output: output === null ? new Uint8Array() : output.bytes().slice(), failure: undefined, ...rest };
  } catch (error) {
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${String(error)}`;
    return { output: undefined, failure: { code: "PLUGIN_ERROR", detail }, ...rest };
  }
}

export class ReferenceHost extends WorkerEntrypoint {
  /** In a plugin object of its own. */
  async call(call: HostedCall): Promise<SandboxOutcome> {
    const logs: LogLine[] = [];
    const flush = catchConsole(logs);
    const outcome = await callPlugin(open(call, logs), call, logs);
    flush();
    return outcome;
  }

  /** In one plugin object, all in the same turn, as one request may make them. */
  async callTogether(calls: readonly HostedCall[]): Promise<SandboxOutcome[]> {
    const shared = open({}, []);
    return await Promise.all(calls.map((call) => callPlugin(shared, call, [])));
  }
}
