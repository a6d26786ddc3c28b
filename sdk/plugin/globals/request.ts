import { AbortSignal } from "./abort.ts";
import { Body, bytesOfBody, typeOfBody, type BodySource } from "./body.ts";
import { Headers } from "./headers.ts";

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: ConstructorParameters<typeof Headers>[0];
  readonly body?: BodySource;
  readonly redirect?: "follow" | "manual" | "error";
  readonly signal?: AbortSignal | null;
}

/** Fetch Standard §5.4, as far as a plugin's requests go. */
export class Request extends Body {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly redirect: "follow" | "manual" | "error";
  readonly signal: AbortSignal;

  constructor(input: Request | URL | string, options: RequestOptions = {}) {
    const from = input instanceof Request ? input : undefined;
    const content = options.body ?? from?.content;
    super(bytesOfBody(content));
    this.url = typeof input === "string" ? input : "href" in input ? input.href : input.url;
    this.method = (options.method ?? from?.method ?? "GET").toUpperCase();
    if (content && content === options.body && (this.method === "GET" || this.method === "HEAD")) {
      throw new TypeError(`A ${this.method} request has no body.`);
    }
    this.headers = new Headers(options.headers ?? from?.headers);
    const type = typeOfBody(options.body);
    if (type !== undefined && !this.headers.has("content-type")) this.headers.set("content-type", type);
    this.redirect = options.redirect ?? from?.redirect ?? "follow";
    this.signal = options.signal ?? from?.signal ?? new AbortSignal();
  }

  clone(): Request {
    return new Request(this);
  }
}
