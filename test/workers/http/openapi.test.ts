import { describe, expect, test } from "vitest";
import { ERRORS, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { describeApi, errorsOf, templateOf } from "../../../worker/http/openapi.ts";
import { OPERATION_NOTES } from "../../../worker/http/operation-notes-table.ts";
import { PAGES_TAG, type Route } from "../../../worker/http/route.ts";
import { routes as all } from "../../../worker/routes.ts";
import { api } from "../../support/workers/api.ts";

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Record<string, unknown>;
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Record<string, { readonly description: string; readonly content?: object }>;
  readonly security?: readonly object[];
}

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: { readonly Problem: { readonly properties: { readonly code: object } } } };
}

const routes = all.filter(({ tag }) => tag !== PAGES_TAG);
const document = describeApi(all) as unknown as Document; // the form under test
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

function operationOf(route: Route): Operation {
  const operation = document.paths[templateOf(route)]?.[route.method];
  if (!operation) throw new Error(`${route.operationId} is not described.`);
  return operation;
}

function referencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    key === "$ref" && typeof member === "string" ? [member] : referencesIn(member),
  );
}

function lookUp(pointer: string): unknown {
  return pointer
    .slice(2)
    .split("/")
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document); // walks by key
}

describe("the API description", () => {
  test("is the committed docs/openapi.json; `vitest run --update` writes it", async () => {
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot("../../../docs/openapi.json");
  });

  test("describes every operation of the table, and no other", () => {
    expect(
      operations.map(({ path, method, operation }) => `${method} ${path} ${operation.operationId}`).sort(),
    ).toEqual(routes.map((route) => `${route.method} ${templateOf(route)} ${route.operationId}`).sort());
  });

  test("is OpenAPI 3.1 whose references resolve", () => {
    expect(document.openapi).toBe("3.1.1");
    const references = [...new Set(referencesIn(document))];
    expect(references).toContain("#/components/schemas/Problem");
    expect(references.filter((reference) => lookUp(reference) === undefined)).toEqual([]);
  });

  test("names every code", () => {
    expect(document.components.schemas.Problem.properties.code).toEqual({ type: "string", enum: Object.keys(ERRORS) });
  });

  test.each(operations)("$method $path is complete", ({ path, operation }) => {
    const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
    const template = [...path.matchAll(/\{(\w+)\}/g)].map((match) => String(match[1]));
    expect(declared.map((parameter) => parameter.name).sort()).toEqual(template.sort());
    expect(declared.every((parameter) => parameter.required)).toBe(true);
    expect(path).not.toContain(":");
    expect(operation.summary).not.toBe("");
    expect(operation.tags).toHaveLength(1);
    expect(Object.keys(operation.responses).some((status) => /^(2|101)/.test(status))).toBe(true);
    expect(operation.responses["500"]?.description).toContain("`INTERNAL`");
  });

  test.each(routes.map((route) => ({ id: route.operationId, route })))(
    "$id asks for the identity it needs",
    ({ route }) => {
      const { security, responses } = operationOf(route);
      const open = route.takesIdentity ? [{}, { bearer: [] }, { apiKey: [] }] : [];
      expect(security).toEqual(route.permission === "public" ? open : undefined);
      // A webhook is open to anybody, and its signature is what proves who sends it.
      const isSigned = route.errors.includes("WEBHOOK_SIGNATURE_INVALID");
      expect("401" in responses).toBe(route.permission !== "public" || route.takesIdentity === true || isSigned);
    },
  );

  test.each(routes.map((route) => ({ id: route.operationId, route })))(
    "$id lists the codes it may answer",
    ({ route }) => {
      const { responses } = operationOf(route);
      for (const code of errorsOf(route))
        expect(responses[String(ERRORS[code].status)]?.description).toContain(`\`${code}\``);
    },
  );

  test("shows a page's limit as the number it is", () => {
    const list = document.paths["/api/plugins"]?.["get"];
    expect(list?.parameters?.find((parameter) => parameter.name === "limit")).toEqual({
      name: "limit",
      in: "query",
      required: false,
      description: "Items in a page",
      schema: { type: "integer", minimum: 1, maximum: 100, default: 20 },
    });
  });

  test("shows bodies that a handler reads itself", () => {
    const execute = document.paths["/api/plugins/{id}/execute"]?.["post"];
    expect(Object.keys(execute?.requestBody?.content ?? {})).toEqual(["application/json", "application/octet-stream"]);
    expect(execute?.requestBody?.content["application/json"]?.schema).toMatchObject({ type: "object" });
  });
});

test("notes are of operations that have none of their own", () => {
  const open = new Set(all.flatMap(({ description, operationId }) => (description === undefined ? [operationId] : [])));
  expect(Object.keys(OPERATION_NOTES).filter((operationId) => !open.has(operationId))).toEqual([]);
});

test("the description is served as it was when the worker was built", async () => {
  const { status, headers, body } = await api("get", "/openapi.json");
  expect([status, headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(body).toMatchObject({ openapi: document.openapi, components: document.components });
});

describe("the pages", () => {
  test("at /docs run only scripts and styles of this origin", async () => {
    const { status, headers, body } = await api("get", "/docs");
    expect([status, headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(headers.get("content-security-policy")).toContain(
      "default-src 'none'; script-src 'self'; style-src 'self'; ",
    );
    const html = String(body);
    expect([...html.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1])).toEqual([
      "/swagger/swagger-ui.css",
      "/swagger/swagger-ui-bundle.js",
      "/docs/start.js",
      "/openapi.json",
    ]);
    expect(html).not.toMatch(/<script(?![^>]*src=)|<style|\son\w+=/);
  });

  test("at /docs start the reference with our description", async () => {
    const { headers, body } = await api("get", "/docs/start.js");
    expect(headers.get("content-type")).toBe("text/javascript");
    expect(body).toContain('url: "/openapi.json"');
  });

  test("at /docs/errors hold the anchor that every problem's type names", async () => {
    const html = String((await api("get", "/docs/errors")).body);
    const codes = Object.keys(ERRORS) as ErrorCode[]; // Object.keys loses the key type
    expect(codes.filter((code) => !html.includes(`<tr id="${code}">`))).toEqual([]);
  });

  test.each(["/openapi.json", "/docs", "/docs/errors", "/docs/pages.css"])("%s may be cached", async (path) => {
    expect((await api("get", path)).headers.get("cache-control")).toBe("public, max-age=300");
  });
});
