import * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { defineRoute, PAGES_TAG, type Route } from "../route.ts";

const MAX_AGE_SECONDS = 300;
const HTML = "text/html; charset=utf-8";
/** Swagger UI draws its icons as data URLs and calls this API; scripts and styles come from our own files only. */
const REFERENCE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * The documentation is files that are made before the worker is deployed: the API's description from the routes, its pages from the
 * contract's tables. What writes them is not in the worker.
 */
export const documentationRoutes: readonly Route[] = [
  defineRoute({
    method: "get",
    mount: "root",
    path: "/openapi.json",
    operationId: "getDescription",
    summary: "Read the description of this API",
    tag: "Documentation",
    permission: "public",
    answers: { 200: { description: "OpenAPI 3.1 document", schema: v.looseObject({ openapi: v.string() }) } },
    errors: ["STORE_UNAVAILABLE"],
    handler: ({ env, req }) => serveFile(env.ASSETS, req.url, "/openapi.json", "application/json"),
  }),
  pageRoute("/docs", "getReference", "Browse this API", "/docs/reference", HTML, REFERENCE_POLICY),
  pageRoute("/docs/start.js", "getReferenceScript", "The reference page's script", "/docs/start.js", "text/javascript"),
  pageRoute("/docs/errors", "getErrorReference", "Browse the error codes", "/docs/errors", HTML, PAGE_POLICY),
  pageRoute("/docs/pages.css", "getPageStyle", "The style of the pages", "/docs/pages.css", "text/css"),
];

function pageRoute(
  path: string,
  operationId: string,
  summary: string,
  file: string,
  contentType: string,
  policy?: string,
): Route {
  return defineRoute({
    method: "get",
    mount: "root",
    path,
    operationId,
    summary,
    tag: PAGES_TAG,
    permission: "public",
    answers: { 200: { description: "The text", contentType } },
    errors: ["STORE_UNAVAILABLE"],
    handler: ({ env, req }) => serveFile(env.ASSETS, req.url, file, contentType, policy),
  });
}

/** @throws {PlatformError} STORE_UNAVAILABLE */
async function serveFile(
  assets: Fetcher,
  url: string,
  name: string,
  contentType: string,
  policy?: string,
): Promise<Response> {
  const file = await assets.fetch(new URL(name, url));
  if (!file.ok) throw new PlatformError("STORE_UNAVAILABLE", `${name} was not deployed with the worker.`);
  const headers = { "content-type": contentType, "cache-control": `public, max-age=${MAX_AGE_SECONDS}` };
  return new Response(file.body, {
    headers: policy === undefined ? headers : { ...headers, "content-security-policy": policy },
  });
}
