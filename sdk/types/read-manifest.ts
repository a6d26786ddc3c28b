import { contentTypeOf, isJsonType, type Payload } from "../contract/payloads/payload-fields.ts";
import type { Manifest } from "../contract/manifest.ts";
import { selfContained } from "../contract/payloads/description-rules.ts";
import type { FunctionTypes, PayloadType, TypeModel } from "./model.ts";
import { pascalCase } from "./names.ts";
import { SchemaReader } from "./schema-reader.ts";

/** Everything that a manifest says of types. */
export function readManifestTypes(manifest: Manifest): TypeModel {
  const { functions = {}, types = {}, events, config } = manifest;
  const reader = new SchemaReader(types);
  // Types have their own names, so they are named before what is made of them.
  for (const name of Object.keys(types)) reader.shared(name);
  const described = Object.entries(functions).map(([name, { summary, input, output }]): FunctionTypes => ({
    name,
    summary,
    input: payloadType(reader, `${pascalCase(name)}Input`, ["functions", name, "input", "schema"], input, types),
    output: payloadType(reader, `${pascalCase(name)}Output`, ["functions", name, "output", "schema"], output, types),
  }));
  const messages = Object.entries(events.messages ?? {}).flatMap(([topic, { schema }]) => {
    if (!schema) return [];
    const at = ["events", "messages", topic, "schema"];
    return [{ topic, type: reader.root(`${pascalCase(topic)}Message`, selfContained(schema, types), at) }];
  });
  return {
    plugin: `${manifest.id} ${manifest.version}`,
    functions: described,
    messages,
    config: config && reader.root("Config", config, ["config"]),
    declarations: reader.declarations,
  };
}

function payloadType(
  reader: SchemaReader,
  name: string,
  at: readonly string[],
  payload: Payload | undefined,
  types: NonNullable<Manifest["types"]>,
): PayloadType {
  if (payload?.schema) return reader.root(name, selfContained(payload.schema, types), at);
  const contentType = payload && contentTypeOf(payload);
  if (contentType === undefined) return "bytes";
  if (isJsonType(contentType)) return { kind: "any" };
  return contentType.startsWith("text/") ? "text" : "bytes";
}
