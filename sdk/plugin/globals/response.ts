import { Body, bytesOfBody, typeOfBody, type BodySource } from "./body.ts";
import { Headers } from "./headers.ts";

export interface ResponseOptions {
  readonly status?: number;
  readonly statusText?: string;
  readonly headers?: ConstructorParameters<typeof Headers>[0];
  /** Where it came from, and whether through a redirect. */
  readonly url?: string;
  readonly redirected?: boolean;
}

/** Fetch Standard §5.5, with the body whole. */
export class Response extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly url: string;
  readonly redirected: boolean;
  readonly type = "default";

  constructor(body?: BodySource, options: ResponseOptions = {}) {
    super(bytesOfBody(body));
    this.status = options.status ?? 200;
    if (!Number.isInteger(this.status) || this.status < 200 || this.status > 599) {
      throw new RangeError(`A response's status is from 200 to 599, found ${String(this.status)}.`);
    }
    this.statusText = options.statusText ?? "";
    this.headers = new Headers(options.headers);
    const type = typeOfBody(body);
    if (type !== undefined && !this.headers.has("content-type")) this.headers.set("content-type", type);
    this.url = options.url ?? "";
    this.redirected = options.redirected ?? false;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  clone(): Response {
    return new Response(this.content, this);
  }

  static json(value: unknown, options: ResponseOptions = {}): Response {
    const headers = new Headers(options.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(JSON.stringify(value), { ...options, headers });
  }
}
