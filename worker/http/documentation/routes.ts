import * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { defineRoute, PAGES_TAG, type Route } from "../route.ts";
import { ERROR_PAGE, PAGE_STYLE, REFERENCE_PAGE, SCRIPT_PATH, START_SCRIPT, STYLE_PATH } from "./pages.ts";

const MAX_AGE_SECONDS = 300;
const HTML = "text/html; charset=utf-8";
/** Swagger UI draws its icons as data URLs and calls this API; scripts and styles come from our own files only. */
const REFERENCE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FILE = "/openapi.json";

/** The description is a file that is made from the routes before they are deployed: what writes it is not in the worker. */
export const documentationRoutes: readonly Route[] = [
  defineRoute({
    method: "get",
    mount: "root",
    path: FILE,
    operationId: "getDescription",
    summary: "Read the description of this API",
    tag: "Documentation",
    permission: "public",
    answers: { 200: { description: "OpenAPI 3.1 document", schema: v.looseObject({ openapi: v.string() }) } },
    errors: ["STORE_UNAVAILABLE"],
    handler: async (context) => {
      const file = await context.env.ASSETS.fetch(new URL(FILE, context.req.url));
      if (!file.ok) throw new PlatformError("STORE_UNAVAILABLE", "The description was not deployed with the worker.");
      return new Response(file.body, { headers: { "content-type": "application/json", ...cached() } });
    },
  }),
  textRoute("/docs", "getReference", "Browse this API", HTML, REFERENCE_PAGE, REFERENCE_POLICY),
  textRoute(SCRIPT_PATH, "getReferenceScript", "Read the reference page's script", "text/javascript", START_SCRIPT),
  textRoute("/docs/errors", "getErrorReference", "Browse the error codes", HTML, ERROR_PAGE, PAGE_POLICY),
  textRoute(STYLE_PATH, "getPageStyle", "Read the style of the pages", "text/css", PAGE_STYLE),
];

function textRoute(
  path: string,
  operationId: string,
  summary: string,
  contentType: string,
  text: string,
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
    errors: [],
    handler: (context) =>
      context.body(text, 200, {
        "content-type": contentType,
        ...cached(),
        ...(policy === undefined ? {} : { "content-security-policy": policy }),
      }),
  });
}

function cached(): Record<string, string> {
  return { "cache-control": `public, max-age=${MAX_AGE_SECONDS}` };
}
