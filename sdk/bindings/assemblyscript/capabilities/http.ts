import { JSON } from "json-as";
import { Answer, answeredWithBody, contentBlock, requestBlock } from "../capability-call";
import { httpSend } from "../user-functions";

@json
export class HttpRequest {
  url: string = "";
  method: string = "GET";
  headers: Map<string, string> = new Map<string, string>();
  /** `follow` up to 5 redirects, each of which has to be granted; `manual` or `error`. */
  redirect: string = "follow";
}

/** The answer's `body` has the response's bytes, `text` the same as text. */
@json
export class HttpResponse {
  status: i32 = 0;
  headers: Map<string, string> = new Map<string, string>();
  /** Where it came from, after redirects. */
  url: string = "";
  redirects: i32 = 0;
}

export namespace http {
  /** Sends a request. Any status is an answer; what was not allowed or not reached is an error. */
  export function send(request: HttpRequest, body: ArrayBuffer | null = null): Answer<HttpResponse> {
    return answeredWithBody<HttpResponse>(httpSend(requestBlock<HttpRequest>(request), contentBlock(body)));
  }

  export function get(url: string): Answer<HttpResponse> {
    const request = new HttpRequest();
    request.url = url;
    return send(request);
  }
}
