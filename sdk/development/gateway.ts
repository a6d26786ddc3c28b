import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { ApiError, type ApiClient } from "../account/api-client.ts";
import { UserError } from "../project/user-error.ts";

/** A call that went through here. */
export interface GatewayCall {
  readonly functionName: string;
  readonly executionId: string | undefined;
  /** Code of the failure; undefined where the call succeeded. */
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly fuel: number | undefined;
  readonly durationMs: number | undefined;
  readonly logs: readonly { readonly level: string; readonly text: string }[];
}

export interface GatewayOptions {
  readonly port: number;
  readonly tenant: ApiClient;
  readonly tenantId: string;
  /** Undefined until there is a plugin to call. */
  readonly pluginId: () => string | undefined;
  readonly called: (call: GatewayCall) => void;
}

interface Answered {
  readonly executionId?: string;
  readonly output: string;
  readonly fuel: number;
  readonly durationMs: number;
  readonly logs?: GatewayCall["logs"];
}

const LOCAL_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * Takes calls without a token on this machine, for a developer's `curl`: `/<function>` calls a function with the body as its input, and
 * `/run/…` goes to the plugin's endpoints. A page of another site gets no answer, whatever name it reaches this under.
 *
 * @throws {UserError} where the port is taken
 */
export async function openGateway(options: GatewayOptions): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(options, request, response).catch((error: unknown) => refuse(response, error));
  });
  server.listen(options.port, "127.0.0.1");
  const failed = once(server, "error").then(([error]) => {
    throw new UserError(`Port ${options.port} cannot be used: ${(error as Error).message}.`); // what the event carries
  });
  await Promise.race([once(server, "listening"), failed]);
  failed.catch(() => undefined); // from here on requests fail one by one
  return server;
}

async function answer(options: GatewayOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { host = "", origin } = request.headers;
  if (!LOCAL_HOST.test(host) || (origin !== undefined && !LOCAL_HOST.test(new URL(origin).host))) {
    response.writeHead(403).end("Only this machine may call.\n");
    return;
  }
  const pluginId = options.pluginId();
  if (pluginId === undefined) {
    response.writeHead(503).end("The plugin has not been built yet.\n");
    return;
  }
  const url = new URL(request.url ?? "/", "http://localhost");
  if (url.pathname.startsWith("/run/")) await forward(options, pluginId, url, request, response);
  else await call(options, pluginId, decodeURIComponent(url.pathname.slice(1)), request, response);
}

async function call(
  { tenant, called }: GatewayOptions,
  pluginId: string,
  functionName: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const input = (await buffer(request)).toString("base64");
  const body = {
    ...(functionName === "" ? {} : { function: functionName }),
    input,
    encoding: "base64",
    options: { logs: true, logLevel: "trace" },
  };
  try {
    const done = await tenant.json<Answered>("POST", `/api/plugins/${pluginId}/execute`, body);
    const { executionId, fuel, durationMs, logs = [] } = done;
    called({ functionName, executionId, code: undefined, detail: undefined, fuel, durationMs, logs });
    const output = Buffer.from(done.output, "base64");
    response.writeHead(200, { "content-type": typeOf(output), "x-fuel-used": String(fuel) }).end(output);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { code, detail, executionId, logs } = error.problem;
    const lines = Array.isArray(logs) ? (logs as GatewayCall["logs"]) : []; // as a failed call's problem has them
    const id = typeof executionId === "string" ? executionId : undefined;
    called({ functionName, executionId: id, code, detail, fuel: undefined, durationMs: undefined, logs: lines });
    throw error;
  }
}

async function forward(
  { tenant, tenantId }: GatewayOptions,
  pluginId: string,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { url: platform, token } = tenant.account;
  const headers = new Headers({ authorization: `Bearer ${token}` });
  for (const name of ["content-type", "accept"]) {
    const value = request.headers[name];
    if (typeof value === "string") headers.set(name, value);
  }
  const method = request.method ?? "GET";
  const content = await buffer(request);
  const target = `${platform}/api/plugins/run/${tenantId}/${pluginId}/${url.pathname.slice("/run/".length)}${url.search}`;
  const bodyless = method === "GET" || method === "HEAD";
  const answered = await fetch(target, { method, headers, redirect: "manual", ...(bodyless ? {} : { body: content }) });
  const type = answered.headers.get("content-type");
  response.writeHead(answered.status, type === null ? {} : { "content-type": type });
  response.end(Buffer.from(await answered.arrayBuffer()));
}

function typeOf(output: Buffer): string {
  try {
    JSON.parse(output.toString("utf8"));
    return "application/json";
  } catch {
    return "text/plain; charset=utf-8"; // not JSON
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (!(error instanceof UserError)) {
    response.writeHead(500).end("The call could not be made.\n");
    return;
  }
  const status = error instanceof ApiError ? error.problem.status : 502;
  const problem = error instanceof ApiError ? error.problem : { status, detail: error.message };
  response.writeHead(status, { "content-type": "application/problem+json" }).end(`${JSON.stringify(problem)}\n`);
}
