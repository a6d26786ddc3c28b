import type { FunctionDefinition, PluginDefinition } from "../plugin/definition.ts";
import { exportName, LIFECYCLE_EXPORTS } from "../plugin/export-names.ts";
import type { FunctionDescription, PluginDescription } from "./description.ts";
import { SchemaConverter } from "./schema-converter.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * What of a definition belongs into the manifest. Runs inside the engine, in a program of its own.
 *
 * @throws {TypeError} for a schema that has no JSON Schema
 */
export function describe(definition: PluginDefinition): PluginDescription {
  const { config, lifecycle = {}, services = {}, publishes = {} } = definition;
  const converter = new SchemaConverter(definition.types ?? {});
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
    publishes: Object.keys(publishes),
    messages: messagesOf(definition, converter),
    lifecycle: without(lifecycle, Object.keys(LIFECYCLE_EXPORTS)),
    ...(config ? { config: new SchemaConverter({}).convert(config, "config", "input") } : {}),
    functions: functionsOf(definition, converter),
    types: converter.types,
  };
}

function without(part: object, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(part).filter(([name]) => !names.includes(name)));
}

function messagesOf({ publishes = {}, subscriptions = {} }: PluginDefinition, converter: SchemaConverter) {
  const published = Object.entries(publishes).map(([topic, schema]) => [
    topic,
    { schema: converter.convert(schema, topic, "input") },
  ]);
  const subscribed = Object.entries(subscriptions).flatMap(([topic, { data }]) =>
    data ? [[topic, { schema: converter.convert(data, topic, "input") }]] : [],
  );
  return Object.fromEntries([...published, ...subscribed]) as PluginDescription["messages"]; // entries as made above
}

function functionsOf(definition: PluginDefinition, converter: SchemaConverter): PluginDescription["functions"] {
  const { functions = {}, services = {}, hooks = {} } = definition;
  const described = [
    ...Object.entries(functions).map(([name, part]) => [name, functionOf(name, part, converter)] as const),
    ...Object.entries(services).map(
      ([name, part]) => [exportName("service", name), functionOf(name, part, converter)] as const,
    ),
    ...Object.entries(hooks).flatMap(([name, { input }]) =>
      input ? [[exportName("hook", name), functionOf(name, { input }, converter)] as const] : [],
    ),
  ];
  return Object.fromEntries(described);
}

function functionOf(where: string, part: unknown, converter: SchemaConverter): FunctionDescription {
  if (typeof part === "function") return {};
  const { title, description, input, output } = part as FunctionDefinition<unknown, unknown>; // checked by its type
  return {
    ...(title === undefined ? {} : { summary: title }),
    ...(description === undefined ? {} : { description }),
    ...(input ? { input: { schema: converter.convert(input, where, "input") } } : {}),
    ...(output ? { output: { schema: converter.convert(output, where, "output") } } : {}),
  };
}
