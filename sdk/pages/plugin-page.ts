import { entryOf, isObject } from "../contract/config/json-values.ts";
import { isSecret, type SchemaObject } from "../contract/config/schema-parts.ts";
import type { Manifest } from "../contract/manifest.ts";
import { contentTypeOf, type Payload } from "../contract/payloads/payload-fields.ts";
import type { PluginCase } from "../contract/plugin-cases.ts";
import { generateTypes } from "../types/generate.ts";
import { readManifestTypes } from "../types/read-manifest.ts";
import { payloadText } from "../types/typescript.ts";
import type { Block, Page } from "./page.ts";

export interface PluginSources {
  readonly manifest: Manifest;
  /** Calls and what they come to: examples. */
  readonly cases: readonly PluginCase[];
  /** The author's README; undefined where there is none. */
  readonly readme: string | undefined;
}

/** Everything that a user of a plugin has to know, from what its author has written anyway. */
export function pluginPage({ manifest, cases, readme }: PluginSources): Page {
  const { name, id, version, description, author, license, homepage } = manifest;
  const facts = [
    ["plugin", `${id} ${version}`],
    ["author", author.name],
    ["license", license],
    ["homepage", homepage],
  ];
  return [
    heading(1, name),
    { kind: "text", text: description },
    table(
      ["", ""],
      facts.flatMap(([what, value]) => (value === undefined ? [] : [[what ?? "", value]])),
    ),
    ...functionBlocks(manifest, cases),
    ...configBlocks(manifest.config),
    ...permissionBlocks(manifest),
    ...partBlocks(manifest),
    ...limitBlocks(manifest),
    ...typeBlocks(manifest),
    ...(readme === undefined ? [] : [heading(2, "From its author"), { kind: "markdown", text: readme } as const]),
  ];
}

function functionBlocks(manifest: Manifest, cases: readonly PluginCase[]): Block[] {
  const described = Object.entries(manifest.functions ?? {});
  if (described.length === 0) return [];
  const types = new Map(readManifestTypes(manifest).functions.map((entry) => [entry.name, entry]));
  const blocks = described.flatMap(([name, { summary, description, input, output }]): Block[] => {
    const type = types.get(name);
    const usual = name === manifest.defaultFunction ? " (where a call names none)" : "";
    return [
      heading(3, name + usual),
      ...[summary, description].flatMap((text): Block[] => (text === undefined ? [] : [{ kind: "text", text }])),
      table(
        ["", "content type", "type", ""],
        [
          ["input", ...payloadCells(input), type ? payloadText(type.input) : "", input?.description ?? ""],
          ["output", ...payloadCells(output), type ? payloadText(type.output) : "", output?.description ?? ""],
        ],
      ),
      ...exampleBlocks(cases.filter((given) => given.function === name && given.error === undefined)),
    ];
  });
  return [heading(2, "Functions"), ...blocks];
}

function payloadCells(payload: Payload | undefined): string[] {
  return [(payload && contentTypeOf(payload)) ?? "any"];
}

function exampleBlocks(cases: readonly PluginCase[]): Block[] {
  return cases.flatMap(({ name, input, output }): Block[] => [
    { kind: "text", text: `Example: ${name}` },
    { kind: "code", language: "json", text: `${exampleText(input)}\n\n${exampleText(output)}` },
  ]);
}

function exampleText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, undefined, 2) ?? "(nothing)");
}

function configBlocks(config: SchemaObject | undefined): Block[] {
  const properties = config && isObject(config["properties"]) ? Object.entries(config["properties"]) : [];
  if (properties.length === 0) return [];
  const required = Array.isArray(config?.["required"]) ? config["required"] : [];
  const rows = properties.map(([name, schema]) => {
    const facts = isObject(schema) ? schema : {};
    const usual = entryOf(facts, "default");
    const notes = [required.includes(name) ? "required" : "", isSecret(facts) ? "secret" : ""].filter(Boolean);
    const described = typeof facts["description"] === "string" ? facts["description"] : "";
    return [name, kindText(facts), usual === undefined ? "" : JSON.stringify(usual), notes.join(", "), described];
  });
  return [heading(2, "Configuration"), table(["setting", "type", "default", "", "meaning"], rows)];
}

function kindText(schema: SchemaObject): string {
  if (Array.isArray(schema["enum"])) return schema["enum"].map((value) => JSON.stringify(value)).join(", ");
  return Array.isArray(schema["type"])
    ? schema["type"].join(" or ")
    : typeof schema["type"] === "string"
      ? schema["type"]
      : "any";
}

function permissionBlocks({ permissions }: Manifest): Block[] {
  if (permissions.length === 0) return [];
  const rows = permissions.map(({ capability, hosts, quotas, reason }) => [
    capability,
    [...(hosts ?? []), ...Object.entries(quotas ?? {}).map(([name, most]) => `${name}: ${most}`)].join(", ") ||
      "no bounds of its own",
    reason ?? "",
  ]);
  return [heading(2, "Permissions"), table(["capability", "how far", "why"], rows)];
}

/** Where it takes part in what others do. */
function partBlocks({ hooks, api, events, services }: Manifest): Block[] {
  const parts: [string, readonly string[], readonly (readonly string[])[]][] = [
    ["Hooks", ["hook", "function", "class"], hooks.map((hook) => [hook.name, hook.function, hook.class])],
    [
      "Endpoints",
      ["method", "path", "permission"],
      (api?.endpoints ?? []).map((one) => [one.method, one.path, one.permission ?? "plugins:execute"]),
    ],
    [
      "Events",
      ["topic", ""],
      [
        ...events.publishes.map((topic) => [topic, "published"]),
        ...events.subscribes.map(({ topic }) => [topic, "subscribed"]),
      ],
    ],
    [
      "Services",
      ["service", ""],
      [
        ...services.provides.map(({ name }) => [name, "provided"]),
        ...services.requires.map(({ name, optional }) => [name, optional ? "used where there is one" : "needed"]),
      ],
    ],
  ];
  return parts.flatMap(([title, head, rows]) => (rows.length > 0 ? [heading(2, title), table(head, rows)] : []));
}

function limitBlocks({ limits }: Manifest): Block[] {
  const rows = Object.entries(limits).map(([name, value]) => [name, String(value)]);
  return rows.length > 0 ? [heading(2, "Limits"), table(["limit", "value"], rows)] : [];
}

function typeBlocks(manifest: Manifest): Block[] {
  if (Object.keys(manifest.functions ?? {}).length === 0) return [];
  return [heading(2, "Types"), { kind: "code", language: "ts", text: generateTypes(manifest, "typescript").trim() }];
}

function heading(level: 1 | 2 | 3, text: string): Block {
  return { kind: "heading", level, text };
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): Block {
  return { kind: "table", head, rows };
}
