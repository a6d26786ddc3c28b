import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What plugins of the suite send requests to, on this machine. */
export interface LoopbackServer {
  /** `host:port`, which `{server}` of a case stands for. */
  readonly host: string;
  stop(): Promise<void>;
}

export async function startLoopbackServer(): Promise<LoopbackServer> {
  const server = createServer((request, response) => answer(request, response));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo; // listens on a port
  return {
    host: `127.0.0.1:${port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** `/said` tells what was asked; `/moved` leads there; `/away` leads to the same server by another name; the rest is not there. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { method = "", headers, url } = request;
    const question = String(headers["x-question"] ?? "no question");
    const host = headers.host ?? "";
    response.setHeader("x-answer", "so");
    if (url === "/said") response.end(`${method} ${question} [${Buffer.concat(chunks).toString()}]`);
    else if (url === "/moved") redirect(response, host);
    else if (url === "/away") redirect(response, host.replace("127.0.0.1", "localhost"));
    else response.writeHead(404).end("nothing there");
  });
}

function redirect(response: ServerResponse, host: string): void {
  response.writeHead(302, { location: `http://${host}/said` }).end();
}
