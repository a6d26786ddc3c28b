import { toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import type { FunctionDefinition, PluginDefinition } from "../plugin/definition.ts";
import { exportName, LIFECYCLE_EXPORTS } from "../plugin/export-names.ts";
import type { Schema } from "../plugin/schema.ts";
import type { FunctionDescription, PluginDescription } from "./description.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * What of a definition belongs into the manifest. Runs inside the engine, in a program of its own.
 *
 * @throws {TypeError} for a schema that has no JSON Schema
 */
export function describe(definition: PluginDefinition): PluginDescription {
  const { config, lifecycle = {}, functions = {}, services = {} } = definition;
  return {
    hooks: Object.entries(definition.hooks ?? {}).map(([name, hook]) => ({
      name,
      function: exportName("hook", name),
      ...without(hook, ["run", "input"]),
    })),
    endpoints: Object.entries(definition.endpoints ?? {}).map(([route, endpoint]) => {
      const [method, path] = route.split(" ");
      return { method, path, function: exportName("endpoint", route), ...without(endpoint, ["run"]) };
    }),
    services: Object.keys(services).map((name) => ({ name, function: exportName("service", name) })),
    subscribes: Object.keys(definition.subscriptions ?? {}).map((topic) => ({
      topic,
      function: exportName("on", topic),
    })),
    lifecycle: without(lifecycle, Object.keys(LIFECYCLE_EXPORTS)),
    ...(config ? { config: jsonSchemaOf(config, "config", "input") } : {}),
    functions: [
      ...Object.entries(functions).map(([name, part]) => functionOf(name, name, part)),
      ...Object.entries(services).map(([name, part]) => functionOf(name, exportName("service", name), part)),
    ],
  };
}

function without(part: object, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(part).filter(([name]) => !names.includes(name)));
}

function functionOf(title: string, name: string, part: unknown): FunctionDescription {
  if (typeof part === "function") return { name };
  const { title: own, input, output } = part as FunctionDefinition<unknown, unknown>; // checked by its type
  return {
    name,
    ...(own === undefined ? {} : { title: own }),
    ...(input ? { input: jsonSchemaOf(input, title, "input") } : {}),
    ...(output ? { output: jsonSchemaOf(output, title, "output") } : {}),
  };
}

/** Libraries other than valibot bring their own JSON Schema where they follow Standard JSON Schema. */
function jsonSchemaOf(schema: Schema, where: string, side: "input" | "output"): JsonObject {
  const standard = schema["~standard"] as Schema["~standard"] & {
    readonly jsonSchema?: { readonly [Side in "input" | "output"]: (options: { target: string }) => JsonObject };
  }; // optional part of the standard
  if (standard.jsonSchema) return standard.jsonSchema[side]({ target: "draft-2020-12" });
  if (standard.vendor === "valibot") {
    const options = { target: "draft-2020-12", typeMode: side, errorMode: "throw" } as const;
    return { ...toJsonSchema(schema as GenericSchema, options) }; // its vendor says so
  }
  throw new TypeError(
    `The schema of ${where} is by ${standard.vendor}, which gives no JSON Schema: use valibot, or a version that follows Standard JSON Schema.`,
  );
}
