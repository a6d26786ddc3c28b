import { capabilityFunction, type Content } from "../capability-call.ts";

export interface HttpRequest {
  readonly url: string;
  /** GET where nothing is said. */
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
  readonly headers?: Readonly<Record<string, string>>;
  /** `follow` where nothing is said: up to 5 redirects, each of which has to be granted. */
  readonly redirect?: "follow" | "manual" | "error";
  readonly body?: Content;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Where the answer came from, after redirects. */
  readonly url: string;
  readonly redirects: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

type Head = Omit<HttpResponse, "body">;
const send = capabilityFunction<Omit<HttpRequest, "body">, Head>("http_send");

export const http = {
  /**
   * Sends a request. Any status is an answer. `fetch` is the same with the standard's interface.
   *
   * @throws {CapabilityError} GRANT_MISSING, EGRESS_REFUSED, CAPABILITY_QUOTA_EXCEEDED, UPSTREAM_*
   */
  async send({ body, ...request }: HttpRequest): Promise<HttpResponse> {
    const answer = send(request, body);
    return { ...answer.value, body: answer.body() };
  },
};
