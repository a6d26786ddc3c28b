import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createApp } from "../../../worker/app.ts";
import type { Route } from "../../../worker/http/route.ts";
import { readAnswer, requestOf, type ApiAnswer, type ApiRequest } from "./api.ts";

/** The real edge around routes of a test's own. */
export function probe(routes: readonly Route[], bindings: Partial<Env> = {}) {
  const app = createApp(routes);
  return async (method: string, path: string, request: ApiRequest | Request = {}): Promise<ApiAnswer> => {
    const context = createExecutionContext();
    const incoming = request instanceof Request ? request : requestOf(method, path, request);
    const response = await app.fetch(incoming, { ...env, ...bindings }, context);
    const answer = await readAnswer(response);
    await waitOnExecutionContext(context);
    return answer;
  };
}

/** A binding of which every use is counted, so that a test can say how often a request touched it. */
export function counted<T extends object>(
  binding: T,
): {
  readonly binding: T;
  uses(): readonly string[];
  /** The uses of one kind that name what they are about first: of a bucket, the keys. */
  named(use: string): readonly string[];
} {
  const uses: string[] = [];
  const names: (readonly [string, string])[] = [];
  const proxy = new Proxy(binding, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...values: unknown[]): unknown => {
        uses.push(String(name));
        if (typeof values[0] === "string") names.push([String(name), values[0]]);
        return Reflect.apply(member, target, values);
      };
    },
  });
  const named = (use: string) => names.flatMap(([name, key]) => (name === use ? [key] : []));
  return { binding: proxy, uses: () => uses, named };
}
