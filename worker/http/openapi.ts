import { ERRORS, type ErrorCode } from "../../sdk/contract/errors.ts";
import { version } from "../../package.json";
import { OPERATION_NOTES } from "./operation-notes-table.ts";
import { isValibotSchema, jsonSchemaOf, type JsonObject } from "./json-schema.ts";
import { joinPath, MOUNTS } from "./path-table.ts";
import { errorPage } from "./problem.ts";
import { PAGES_TAG, type Route, type RouteAnswer } from "./route.ts";

/** The API description (OpenAPI 3.1.1), made from the same table that mounts the routes. Pure and deterministic. */

const PROBLEM = "application/problem+json";
const TRACE_HEADER = { "x-trace-id": { $ref: "#/components/headers/TraceId" } };

const PROTECTED: readonly ErrorCode[] = [
  "AUTHENTICATION_REQUIRED",
  "TOKEN_INVALID",
  "TENANT_UNKNOWN",
  "PERMISSION_DENIED",
  "SNAPSHOT_UNAVAILABLE",
  "DATABASE_UNAVAILABLE",
  "STORE_UNAVAILABLE",
  "NOT_READY",
];
const WITH_BODY: readonly ErrorCode[] = [
  "REQUEST_INVALID",
  "BODY_UNREADABLE",
  "MEDIA_TYPE_UNSUPPORTED",
  "INPUT_TOO_LARGE",
];

/** The API's description, which a test writes to docs/openapi.json; the deployed worker serves that file and has none of this. */
export function describeApi(all: readonly Route[]): JsonObject {
  const routes = all.filter(({ tag }) => tag !== PAGES_TAG);
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const route of routes) {
    const path = templateOf(route);
    paths[path] = { ...paths[path], [route.method]: describeOperation(route) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Patchbay",
      version,
      summary: "WebAssembly plugins on Cloudflare Workers, per tenant, at run time.",
      description:
        "Every path under `/api/plugins` answers the same under `/api/v1/plugins`. Failures are problem documents " +
        "(RFC 9457) whose `code` is listed at [/docs/errors](/docs/errors). A valid `traceparent` is taken up; every " +
        "answer names its trace in `x-trace-id`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "This deployment" }],
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: COMPONENTS,
  };
}

/** Path of a route in OpenAPI's form: `/api/plugins/{id}/execute`. */
export function templateOf(route: Route): string {
  const path = joinPath(MOUNTS[route.mount][0] ?? "", route.path);
  return path.replaceAll(/:([A-Za-z0-9_]+)(?:\{[^}]*\})?\??/g, "{$1}");
}

/** Codes that an operation may answer: its own and those that identity, validation and the platform add. */
export function errorsOf(route: Route): ErrorCode[] {
  const body = route.body !== undefined || route.rawBody !== undefined;
  const input = body || route.params !== undefined || route.query !== undefined;
  return [
    ...new Set<ErrorCode>([
      ...(route.permission === "public" ? [] : PROTECTED),
      ...(input ? (["REQUEST_INVALID"] as const) : []),
      ...(body ? WITH_BODY : []),
      ...route.errors,
      "INTERNAL",
    ]),
  ];
}

/** No identity, or one of those that the handler takes. */
function openSecurity({ takesIdentity }: Route): JsonObject[] {
  return takesIdentity ? [{}, { bearer: [] }, { apiKey: [] }] : [];
}

function describeOperation(route: Route): JsonObject {
  const parameters = [
    ...parametersOf(route.params, "path"),
    ...parametersOf(route.query, "query"),
    ...Object.entries(route.headers ?? {}).map(([name, header]) =>
      Object.assign({ name, in: "header", schema: { type: "string" } }, header),
    ),
  ];
  const requestBody = requestBodyOf(route);
  const description = route.description ?? OPERATION_NOTES[route.operationId];
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(description === undefined ? {} : { description }),
    tags: [route.tag],
    ...(route.permission === "public" ? { security: openSecurity(route) } : { "x-permission": route.permission }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(requestBody ? { requestBody } : {}),
    responses: { ...answersOf(route), ...problemsOf(errorsOf(route)) },
  };
}

function parametersOf(schema: Route["params"], place: "path" | "query"): JsonObject[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = jsonSchemaOf(schema) as {
    properties?: Record<string, { description?: string }>;
    required?: string[];
  }; // params and query are objects by their use
  return Object.entries(properties).map(([name, { description, ...rest }]) => {
    const parameter = { name, in: place, required: place === "path" || required.includes(name), schema: rest };
    return description === undefined ? parameter : Object.assign(parameter, { description });
  });
}

function requestBodyOf(route: Route): JsonObject | undefined {
  if (route.rawBody) {
    const content = Object.entries(route.rawBody).map(([type, schema]) => [type, { schema: plainSchema(schema) }]);
    return { required: true, content: Object.fromEntries(content) };
  }
  if (!route.body) return undefined;
  const required = !["optional", "nullish", "exact_optional", "undefinedable"].includes(route.body.type);
  return { required, content: { "application/json": { schema: jsonSchemaOf(route.body) } } };
}

function plainSchema(schema: object): object {
  return isValibotSchema(schema) ? jsonSchemaOf(schema) : schema;
}

function answersOf(route: Route): Record<string, JsonObject> {
  return Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, describeAnswer(answer)]));
}

function describeAnswer({ description, schema, contentType }: RouteAnswer): JsonObject {
  const body = schema ? jsonSchemaOf(schema) : {};
  const type = contentType ?? (schema ? "application/json" : undefined);
  return {
    description,
    headers: TRACE_HEADER,
    ...(type === undefined ? {} : { content: { [type]: { schema: body } } }),
  };
}

/** One response per status; its codes are an enumeration, so that generated clients can tell them apart. */
function problemsOf(codes: readonly ErrorCode[]): Record<string, JsonObject> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      String(status),
      {
        description: list.map((code) => `[\`${code}\`](${errorPage(code)}) ${ERRORS[code].title}`).join("\n\n"),
        headers: TRACE_HEADER,
        content: {
          [PROBLEM]: {
            schema: {
              allOf: [
                { $ref: "#/components/schemas/Problem" },
                { type: "object", properties: { code: { type: "string", enum: list } } },
              ],
            },
          },
        },
      },
    ]),
  );
}

const COMPONENTS = {
  securitySchemes: {
    bearer: {
      type: "http",
      scheme: "bearer",
      bearerFormat: "JWT",
      description: "A token of a trusted issuer with the claims `sub`, `tenant`, `exp` and `roles`; or an API key.",
    },
    apiKey: { type: "apiKey", in: "header", name: "x-api-key", description: "An API key, `pbk_…`." },
  },
  headers: {
    TraceId: {
      description: "Trace of the request (W3C Trace Context), for support and logs",
      schema: { type: "string", pattern: "^[0-9a-f]{32}$" },
    },
  },
  schemas: {
    Problem: {
      type: "object",
      description: "Problem document (RFC 9457)",
      required: ["type", "title", "status", "detail", "instance", "code", "traceId", "retryable"],
      properties: {
        type: { type: "string", format: "uri-reference", description: "Page of the code in the error reference" },
        title: { type: "string" },
        status: { type: "integer", minimum: 400, maximum: 599 },
        detail: { type: "string" },
        instance: { type: "string", format: "uri-reference", description: "Path of the request" },
        code: { type: "string", enum: Object.keys(ERRORS) },
        traceId: { type: "string" },
        retryable: { type: "boolean", description: "True: the same request may succeed later" },
        issues: {
          type: "array",
          description: "Everything wrong with the request",
          items: {
            type: "object",
            required: ["path", "message"],
            properties: {
              path: { type: "string", description: "JSON pointer into the body, or the parameter's name" },
              message: { type: "string" },
            },
          },
        },
        limit: {
          type: "object",
          required: ["name", "used", "allowed"],
          properties: { name: { type: "string" }, used: { type: "number" }, allowed: { type: "number" } },
        },
      },
    },
  },
} as const;
