import { UserError } from "../project/user-error.ts";
import { blockComment } from "./comment.ts";
import { BY_VALUE, leadsBack } from "./containment.ts";
import type { Declaration, Field, ObjectDeclaration, Type, TypeModel, UnionDeclaration } from "./model.ts";
import { DistinctNames, pascalCase } from "./names.ts";

/** Words of AssemblyScript that its parser does not take for the name of a field or a constant. */
const RESERVED = new Set(
  (
    "abstract as async await break case catch class const constructor continue debugger declare default delete do else enum export extends false finally for " +
    "function get if implements import in instanceof interface is keyof let module namespace new null of package private protected public readonly return set " +
    "static super switch this throw true try type typeof var void while with yield"
  ).split(" "),
);

/** A value of any type in a field, as its text: json-as 1.6 loses plain values of JSON.Raw and JSON.Value where members come in another order. */
const ANY = "AnyJson";
const ANY_LINES = [
  "",
  "/** A value of any type: `data` is its text, for JSON.parse once it is known what it is. */",
  "@json",
  `export class ${ANY} {`,
  '  data: string = "null";',
  "",
  '  @serializer("any")',
  `  serialize(self: ${ANY}): string {`,
  "    return self.data;",
  "  }",
  "",
  '  @deserializer("any")',
  `  deserialize(data: string): ${ANY} {`,
  `    const value = new ${ANY}();`,
  "    value.data = data;",
  "    return value;",
  "  }",
  "}",
];

/** Where a type is asked for: for errors. */
interface Place {
  readonly path: string;
  readonly model: TypeModel;
}

/**
 * The types as classes of AssemblyScript for json-as 1.6, compiled with its transform.
 *
 * @throws {UserError} for what json-as cannot read and write, with where in the manifest it is
 */
export function assemblyscriptTypes(model: TypeModel): string {
  const lines = model.declarations.flatMap((declaration) => ["", ...declare(declaration, model)]);
  const isUsed = lines.some((line) => line.includes(ANY));
  return ["", 'import { JSON } from "json-as";', ...(isUsed ? ANY_LINES : []), ...lines].join("\n");
}

function declare(declaration: Declaration, model: TypeModel): string[] {
  const { name, path } = declaration;
  const comment = blockComment(declaration.description);
  switch (declaration.kind) {
    case "alias":
      if (leadsBack(declaration, declaration.of, model, () => true)) throw refusal(path, "a list or map of itself");
      return [...comment, `export type ${name} = ${written(declaration.of, { path, model })};`];
    case "enum":
      return [
        ...comment,
        `export type ${name} = string;`,
        `export namespace ${name} {`,
        ...constantsOf(declaration.values),
        "}",
      ];
    case "union":
      return [...comment, ...rawComment(declaration), `export type ${name} = ${ANY};`];
    case "object":
  }
  const fields = fieldsOf(declaration, model);
  return [...comment, ...othersComment(declaration), "@json", `export class ${name} {`, ...fields, "}"];
}

function othersComment({ others, path }: ObjectDeclaration): string[] {
  if (!others) return [];
  if (others.kind !== "any") throw refusal(path, "an object with members of a type beside the ones that it names");
  return ["// There may be other members than these, which json-as leaves out."];
}

function rawComment({ members }: UnionDeclaration): string[] {
  const names = members.map((member) => (member.kind === "named" ? member.name : member.kind));
  return [`// One of: ${names.join(", ")}. It is left as text.`];
}

function constantsOf(values: readonly string[]): string[] {
  const names = new DistinctNames();
  return values.map((value) => `  export const ${names.take(pascalCase(value))}: string = ${JSON.stringify(value)};`);
}

function fieldsOf(declaration: ObjectDeclaration, model: TypeModel): string[] {
  const names = new DistinctNames();
  return declaration.fields.flatMap((field) => {
    const wanted = /^[A-Za-z_]\w*$/.test(field.name) ? field.name : lowerFirst(pascalCase(field.name));
    return fieldLines(declaration, field, names.take(RESERVED.has(wanted) ? `${wanted}_` : wanted), model);
  });
}

function fieldLines(owner: ObjectDeclaration, field: Field, identifier: string, model: TypeModel): string[] {
  const { name, description, required, path } = field;
  const place = { path, model };
  const own = required && !isRaw(field.type, place) ? field.type : nullable(field.type);
  if (own.kind !== "nullable" && leadsBack(owner, own, model, BY_VALUE)) {
    throw refusal(path, "a required value of its own type");
  }
  return [
    ...blockComment(description, "  "),
    ...(identifier === name ? [] : [`  @alias(${JSON.stringify(name)})`]),
    ...(required ? [] : ["  @omitnull()"]),
    `  ${identifier}: ${written(own, place)} = ${initial(own, place)};`,
  ];
}

function nullable(type: Type): Type {
  return type.kind === "nullable" ? type : { kind: "nullable", of: type };
}

function written(type: Type, place: Place): string {
  switch (type.kind) {
    case "any":
    case "null":
    case "tuple":
      return ANY;
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "number":
      return "f64";
    case "integer":
      return "i64";
    case "literal":
      return written({ kind: type.of }, place);
    case "named":
      // The transform does not look through another name of it.
      return isRaw(type, place) ? ANY : type.name;
    case "nullable":
      return isPlain(type.of, place)
        ? `JSON.Box<${written(type.of, place)}> | null`
        : `${written(type.of, place)} | null`;
    case "list":
      return `Array<${item(type.items, place)}>`;
    case "map":
  }
  return `Map<string, ${item(type.values, place)}>`;
}

/** A value of a list or map. Of those that may be null json-as reads numbers and booleans only. */
function item(type: Type, place: Place): string {
  if (isRaw(type, place)) return "JSON.Raw";
  if (type.kind === "nullable" && !isPlain(type.of, place)) {
    throw refusal(place.path, "a list or map of what may be null");
  }
  return written(type, place);
}

/** What a field holds until something is read into it. */
function initial(type: Type, place: Place): string {
  switch (type.kind) {
    case "nullable":
      return "null";
    case "string":
      return '""';
    case "boolean":
    case "number":
    case "integer":
      return type.kind === "boolean" ? "false" : "0";
    case "literal":
      return String(type.values[0]);
    case "any":
    case "null":
    case "tuple":
      return `new ${ANY}()`;
    case "list":
      return "[]";
    case "named": {
      const found = declarationOf(type.name, place);
      if (found?.kind === "alias") return initial(found.of, place);
      if (found?.kind === "union") return initial({ kind: "any" }, place);
      if (found?.kind === "enum") return JSON.stringify(found.values[0] ?? "");
      return `new ${type.name}()`;
    }
    case "map":
  }
  return `new ${written(type, place)}()`;
}

/** Numbers and booleans, which cannot be null in AssemblyScript. */
function isPlain(type: Type, place: Place): boolean {
  if (type.kind !== "named") return ["boolean", "number", "integer", "literal"].includes(type.kind);
  const found = declarationOf(type.name, place);
  return found?.kind === "alias" && isPlain(found.of, place);
}

/** What is kept as the text that it is. */
function isRaw(type: Type, place: Place): boolean {
  if (type.kind === "nullable") return isRaw(type.of, place);
  if (type.kind !== "named") return ["any", "null", "tuple"].includes(type.kind);
  const found = declarationOf(type.name, place);
  return found?.kind === "union" || (found?.kind === "alias" && isRaw(found.of, place));
}

function declarationOf(name: string, { model }: Place): Declaration | undefined {
  return model.declarations.find((declaration) => declaration.name === name);
}

function refusal(path: string, what: string): UserError {
  return new UserError(`${path} is ${what}, which json-as cannot read and write. Give it another schema, or none.`);
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
