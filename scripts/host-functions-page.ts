import { toJsonSchema } from "@valibot/to-json-schema";
import { CAPABILITIES, CAPABILITY_NAMES, type Capability } from "../sdk/contract/capabilities.ts";
import {
  LOCAL_FUNCTIONS,
  STREAM_FUNCTIONS,
  USER_FUNCTION_TYPE,
  USER_FUNCTIONS,
  type UserFunction,
} from "../sdk/contract/user-functions.ts";
import { USER_FUNCTION_TITLES } from "../sdk/contract/user-function-titles-table.ts";
import type { GenericSchema } from "valibot";
import { HOST_ANSWERS } from "./host-answers.ts";

/** The worker's own table. It is written for another runtime than this script, so it is not among what the script is compiled with. */
const WORKER_TABLE = new URL("../worker/execution/capabilities/index.ts", import.meta.url).href;
const { HOST_CALLS } = (await import(WORKER_TABLE)) as {
  HOST_CALLS: Readonly<Record<UserFunction, { readonly request: GenericSchema }>>;
}; // HostCall of the worker

type JsonObject = Readonly<Record<string, unknown>>;
type Table = (head: readonly string[], rows: readonly (readonly string[])[]) => string;

/** docs/host-functions.md: each function with what it is asked, by the schema that checks it, and what it answers. */
export function hostFunctionsPage(made: string, table: Table): string {
  const names = Object.keys(USER_FUNCTIONS) as UserFunction[]; // Object.keys loses the key type
  const rows = names.map((name) => [
    `[\`${name}\`](#${name})`,
    USER_FUNCTIONS[name].capability,
    USER_FUNCTION_TITLES[name],
  ]);
  const otherRows = Object.entries({ ...STREAM_FUNCTIONS, ...LOCAL_FUNCTIONS }).map(([name, type]) => [
    `\`${name}\``,
    `\`${type}\``,
  ]);
  return [
    "# Functions that plugins import",
    `${made} Extism's own functions (\`extism:host/env\`) and WASI preview 1 are there as everywhere; these are the platform's, in \`extism:host/user\`.`,
    "## Capabilities",
    `Each has the type \`${USER_FUNCTION_TYPE}\`: \`(request, body) -> answer\`, all three handles of the Extism kernel. The request is a JSON object, or 0 for \`{}\`; the body is bytes, 0 for none. The answer is a JSON object with either \`value\` or \`error\`, which has a \`code\` of [errors.md](errors.md) and a \`message\`; it is 0 where it does not fit into kernel memory. Bytes that come with an answer are a new block from \`call_body\`. The host frees what it is given; the plugin owns what it gets. The plugin waits for the answer, at most until the call's deadline. What is granted: [permissions.md](permissions.md); how much: [capabilities.md](capabilities.md).`,
    table(["function", "capability", "does"], rows),
    'In C: `__attribute__((import_module("extism:host/user"), import_name("storage_get"))) uint64_t storage_get(uint64_t request, uint64_t body);`',
    "## Without a capability",
    `\`call_body\` answers the bytes of the last answer, \`context\` the call's context as JSON: tenant, caller and roles, install, version, execution, trace, deadline. The other two are in [streaming.md](streaming.md).`,
    table(["function", "type"], otherRows),
    "## Reference",
    "Any of them may answer `GRANT_MISSING` where the capability is not granted (or not for this host, topic or service), `HOST_REQUEST_INVALID` for a request that is not as below, `CAPABILITY_QUOTA_EXCEEDED` where a quota does not suffice, `HOST_CALLS_EXCEEDED`, and `CAPABILITY_UNAVAILABLE` where the platform failed. Further codes stand with the function. Sizes are bytes, times milliseconds. The call in TypeScript is `@patchbay/sdk`'s.",
    ...CAPABILITY_NAMES.flatMap((capability) => partOf(capability, names, table)),
  ].join("\n\n");
}

function partOf(capability: Capability, names: readonly UserFunction[], table: Table): string[] {
  const own = names.filter((name) => USER_FUNCTIONS[name].capability === capability);
  if (own.length === 0) return [];
  const { title, quotas } = CAPABILITIES[capability];
  const limits = Object.keys(quotas).map((quota) => `\`${quota}\``);
  const quotaText =
    limits.length > 0 ? ` Quotas: ${limits.join(", ")} ([capabilities.md](capabilities.md#quotas)).` : "";
  return [
    `### ${capability}`,
    `${title.charAt(0).toUpperCase()}${title.slice(1)}.${quotaText}`,
    ...own.flatMap((name) => functionPart(name, table)),
  ];
}

function functionPart(name: UserFunction, table: Table): string[] {
  const { value, body, answerBody, errors = [], typescript } = HOST_ANSWERS[name];
  const rows = requestRows(name);
  const facts = [
    ...(body ? [`Body: ${body}.`] : []),
    `Answer: \`${value}\`${answerBody ? `, with ${answerBody} as bytes` : ""}.`,
    ...(errors.length > 0 ? [`Errors: ${errors.map((code) => `[\`${code}\`](errors.md#${code})`).join(", ")}.`] : []),
    `TypeScript: \`${typescript}\`.`,
  ];
  return [
    `#### ${name}`,
    `To ${USER_FUNCTION_TITLES[name]}. ${facts.join(" ")}`,
    ...(rows.length > 0 ? [table(["member", "type", ""], rows)] : []),
  ];
}

function requestRows(name: UserFunction): string[][] {
  const options = { target: "draft-2020-12", typeMode: "input", errorMode: "ignore" } as const;
  const { properties = {}, required = [] } = toJsonSchema(HOST_CALLS[name].request, options);
  return Object.entries(properties).map(([member, schema]) => {
    const facts = typeof schema === "object" ? (schema as JsonObject) : {}; // an object of JSON Schema
    return [
      `\`${member}\``,
      typeText(facts),
      [required.includes(member) ? "required" : "", boundsText(facts)].filter(Boolean).join("; "),
    ];
  });
}

function typeText(schema: JsonObject): string {
  if (Array.isArray(schema["enum"])) return schema["enum"].map((value) => `\`${JSON.stringify(value)}\``).join(", ");
  const alternatives = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(alternatives)) {
    return [...new Set(alternatives.map((part) => typeText(part as JsonObject)))].join(" or "); // a list of schemas
  }
  if (schema["type"] === "array") return `list of ${typeText((schema["items"] ?? {}) as JsonObject)}`; // a schema
  if (schema["type"] === "object" && schema["properties"]) {
    const members = Object.entries(schema["properties"]).map(
      ([name, part]) => `\`${name}\`: ${typeText(part as JsonObject)}`,
    ); // schemas by name
    return `{ ${members.join(", ")} }`;
  }
  if (schema["const"] !== undefined) return `\`${JSON.stringify(schema["const"])}\``;
  const encoded = schema["contentEncoding"] === "base64" ? ", base64" : "";
  return `${typeof schema["type"] === "string" ? schema["type"] : "any"}${encoded}`;
}

const BOUNDS: Readonly<Record<string, (value: unknown) => string>> = {
  minLength: (value) => `at least ${String(value)} long`,
  maxLength: (value) => `at most ${String(value)} long`,
  minimum: (value) => `from ${String(value)}`,
  maximum: (value) => `to ${String(value)}`,
  minItems: (value) => `at least ${String(value)} entries`,
  maxItems: (value) => `at most ${String(value)} entries`,
  maxProperties: (value) => `at most ${String(value)} entries`,
  pattern: (value) => `matches \`${String(value).replaceAll("|", "\\|")}\``,
  default: (value) => `\`${JSON.stringify(value)}\` where nothing is said`,
};

function boundsText(schema: JsonObject): string {
  return Object.entries(BOUNDS)
    .filter(([keyword]) => schema[keyword] !== undefined)
    .map(([keyword, text]) => text(schema[keyword]))
    .join("; ");
}
