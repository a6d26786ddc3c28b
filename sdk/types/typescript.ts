import { blockComment } from "./comment.ts";
import type { Declaration, Field, PayloadType, Type, TypeModel } from "./model.ts";

/** The types as a TypeScript module, with the functions and messages as an interface each. */
export function typescriptTypes(model: TypeModel): string {
  return [
    ...model.declarations.flatMap((declaration) => ["", ...declare(declaration)]),
    ...functionsOf(model),
    ...messagesOf(model),
    ...(model.config && !isNamed(model.config, "Config") ? ["", `export type Config = ${written(model.config)};`] : []),
  ].join("\n");
}

function declare(declaration: Declaration): string[] {
  const { name, description } = declaration;
  const comment = blockComment(description);
  if (declaration.kind === "enum") {
    return [
      ...comment,
      `export type ${name} = ${declaration.values.map((value) => JSON.stringify(value)).join(" | ")};`,
    ];
  }
  if (declaration.kind === "union") {
    return [...comment, `export type ${name} = ${declaration.members.map(written).join(" | ")};`];
  }
  if (declaration.kind === "alias") return [...comment, `export type ${name} = ${written(declaration.of)};`];
  const { fields, others } = declaration;
  // An index signature holds for the fields too, so where there are any it says no more than that there may be others.
  const index = others ? [`  [name: string]: ${fields.length > 0 ? "unknown" : written(others)};`] : [];
  return [...comment, `export interface ${name} {`, ...fields.flatMap(fieldLines), ...index, "}"];
}

function fieldLines({ name, description, type, required }: Field): string[] {
  return [...blockComment(description, "  "), `  ${key(name)}${required ? "" : "?"}: ${written(type)};`];
}

function functionsOf({ functions }: TypeModel): string[] {
  if (functions.length === 0) return [];
  const lines = functions.flatMap(({ name, summary, input, output }) => [
    ...blockComment(summary, "  "),
    `  ${key(name)}: { input: ${payloadText(input)}; output: ${payloadText(output)} };`,
  ]);
  return [
    "",
    ...blockComment("What the plugin's functions take and give, by name."),
    "export interface Functions {",
    ...lines,
    "}",
  ];
}

function messagesOf({ messages }: TypeModel): string[] {
  if (messages.length === 0) return [];
  const lines = messages.map(({ topic, type }) => `  ${key(topic)}: ${written(type)};`);
  return ["", ...blockComment("The data of messages, by topic."), "export interface Messages {", ...lines, "}"];
}

/** What goes in or comes out, as it is named among the types. */
export function payloadText(type: PayloadType): string {
  if (type === "bytes") return "Uint8Array";
  return type === "text" ? "string" : written(type);
}

function written(type: Type): string {
  switch (type.kind) {
    case "any":
      return "unknown";
    case "integer":
      return "number";
    case "literal":
      return type.values.join(" | ");
    case "named":
      return type.name;
    case "nullable":
      return `${written(type.of)} | null`;
    case "list":
      return `${inBrackets(type.items)}[]`;
    case "map":
      return `Record<string, ${written(type.values)}>`;
    case "tuple": {
      const items = type.items.map((item, index) => (index < type.required ? written(item) : `${inBrackets(item)}?`));
      return `[${[...items, ...(type.rest ? [`...${inBrackets(type.rest)}[]`] : [])].join(", ")}]`;
    }
    case "string":
    case "boolean":
    case "number":
    case "null":
  }
  return type.kind;
}

function inBrackets(type: Type): string {
  return type.kind === "nullable" || type.kind === "literal" ? `(${written(type)})` : written(type);
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

function isNamed(type: Type, name: string): boolean {
  return type.kind === "named" && type.name === name;
}
