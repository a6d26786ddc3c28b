import { http, type HttpRequest } from "../capabilities/http.ts";
import { Request, type RequestOptions } from "./request.ts";
import { Response } from "./response.ts";

/**
 * `fetch` over the capability `http`. Answers are read whole. What the platform refuses rejects with CapabilityError, which is no
 * TypeError, so that a refusal can be told from a network that fails.
 */
export async function fetch(input: Request | URL | string, options: RequestOptions = {}): Promise<Response> {
  const request = new Request(input, options);
  request.signal.throwIfAborted();
  const body = await request.bytes();
  const answer = await http.send({
    url: request.url,
    method: request.method as NonNullable<HttpRequest["method"]>, // others are refused by the platform, with their name
    headers: Object.fromEntries(request.headers),
    redirect: request.redirect,
    ...(body.length > 0 ? { body } : {}),
  });
  return new Response(answer.body, {
    status: answer.status,
    headers: answer.headers,
    url: answer.url,
    redirected: answer.redirects > 0,
  });
}
