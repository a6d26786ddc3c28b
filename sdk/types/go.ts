import { UserError } from "../project/user-error.ts";
import { lineComment } from "./comment.ts";
import { BY_VALUE, leadsBack } from "./containment.ts";
import type { Declaration, Field, ObjectDeclaration, Type, TypeModel, UnionDeclaration } from "./model.ts";
import { DistinctNames, pascalCase } from "./names.ts";

interface Context {
  readonly model: TypeModel;
  /** Of the package: constants share them with types. */
  readonly names: DistinctNames;
}

/** What a tag may hold beside letters and digits; encoding/json takes any other name for none. */
const TAG_NAME = /^[\p{L}\p{Nd}!#$%&()*+\-./:;<=>?@[\]^_{|}~ ]+$/u;

/**
 * The types as a Go file for encoding/json. What may be left out is a pointer, so that an empty list is not taken for none.
 *
 * @throws {UserError} for names of members that no tag can hold
 */
export function goTypes(model: TypeModel, packageName = "main"): string {
  const { declarations } = model;
  const context = { model, names: new DistinctNames(declarations.map(({ name }) => name)) };
  const unions = declarations.filter((declaration) => declaration.kind === "union");
  const imports = [
    ...(unions.length > 0 ? ['"encoding/json"'] : []),
    ...(unions.some(({ tag }) => tag) ? ['"errors"'] : []),
  ];
  return [
    "",
    `package ${packageName}`,
    ...(imports.length > 0 ? ["", "import (", ...imports.map((name) => `\t${name}`), ")"] : []),
    ...declarations.flatMap((declaration) => ["", ...declare(declaration, context)]),
  ].join("\n");
}

function declare(declaration: Declaration, context: Context): string[] {
  const { name } = declaration;
  const comment = lineComment(declaration.description, "//");
  switch (declaration.kind) {
    case "alias": {
      // A defined type, and not an alias, may be a list of itself.
      const isOwn = leadsBack(declaration, declaration.of, context.model, () => true);
      return [...comment, `type ${name} ${isOwn ? "" : "= "}${written(declaration.of, context)}`];
    }
    case "enum": {
      const constants = declaration.values.map((value): Row => {
        return {
          cells: [context.names.take(name + pascalCase(value)), name, `= ${JSON.stringify(value)}`],
          before: [],
        };
      });
      return [...comment, `type ${name} string`, "", "const (", ...aligned(constants), ")"];
    }
    case "union":
      return declaration.tag
        ? [...comment, ...taggedLines(declaration, declaration.tag.field, declaration.tag.values, context)]
        : [...comment, ...rawLines(declaration, context)];
    case "object":
  }
  const fields = fieldsOf(declaration, context);
  return [...comment, ...othersComment(declaration), `type ${name} struct {`, ...fields, "}"];
}

function othersComment({ others }: ObjectDeclaration): string[] {
  return others ? ["// There may be other members than these, which encoding/json leaves out."] : [];
}

interface Row {
  readonly cells: readonly [string, string, string];
  /** Comment above it. */
  readonly before: readonly string[];
}

/** In columns, as gofmt has them: a comment begins new ones. */
function aligned(rows: readonly Row[]): string[] {
  const lines: string[] = [];
  for (let start = 0; start < rows.length;) {
    let end = start + 1;
    while (rows[end]?.before.length === 0) end++;
    const block = rows.slice(start, end);
    const [first, second] = [0, 1].map((at) => Math.max(...block.map(({ cells }) => (cells[at] ?? "").length)));
    for (const { cells, before } of block) {
      lines.push(...before, `\t${cells[0].padEnd(first ?? 0)} ${cells[1].padEnd(second ?? 0)} ${cells[2]}`);
    }
    start = end;
  }
  return lines;
}

function fieldsOf(declaration: ObjectDeclaration, context: Context): string[] {
  const names = new DistinctNames();
  const rows = declaration.fields.map((field): Row => ({
    cells: [names.take(pascalCase(field.name)), fieldType(declaration, field, context), tagFor(field)],
    before: lineComment(field.description, "//", "\t"),
  }));
  return aligned(rows);
}

function tagFor({ name, required, path }: Field): string {
  if (!TAG_NAME.test(name)) throw new UserError(`${path} has a name that no tag of Go's encoding/json can hold.`);
  const alone = name === "-" && required ? "," : "";
  return `\`json:"${name}${alone}${required ? "" : ",omitempty"}"\``;
}

function fieldType(owner: ObjectDeclaration, { type, required }: Field, context: Context): string {
  const isPointed = !required || leadsBack(owner, type, context.model, BY_VALUE);
  if (!isPointed) return written(type, context);
  const own = type.kind === "nullable" ? type.of : type;
  return isNothing(own, context) ? written(own, context) : `*${written(own, context)}`;
}

/** What is left out where it is nil, and has no value that encoding/json takes for empty. */
function isNothing(type: Type, context: Context): boolean {
  if (type.kind === "any" || type.kind === "null") return true;
  if (type.kind === "nullable") return !HELD_BY_REFERENCE.has(type.of.kind);
  const found = declared(type, context);
  if (found?.kind === "union") return !found.tag;
  return found?.kind === "alias" && isNothing(found.of, context);
}

/** What is nil where it is null. */
function isNilable(type: Type, context: Context): boolean {
  if (HELD_BY_REFERENCE.has(type.kind) || isNothing(type, context)) return true;
  const found = declared(type, context);
  return found?.kind === "alias" && isNilable(found.of, context);
}

const HELD_BY_REFERENCE: ReadonlySet<Type["kind"]> = new Set<Type["kind"]>(["list", "map", "tuple"]);

function declared(type: Type, { model }: Context): Declaration | undefined {
  return type.kind === "named" ? model.declarations.find(({ name }) => name === type.name) : undefined;
}

/** One pointer a member, of which one is set; the tag says which. */
function taggedLines(
  { name, members }: UnionDeclaration,
  field: string,
  values: readonly string[],
  context: Context,
): string[] {
  const fields = members.map((member) => written(member, context));
  const tag = JSON.stringify(field);
  return [
    `// One of its fields is set, which the member ${tag} of the JSON says.`,
    `type ${name} struct {`,
    ...aligned(fields.map((type) => ({ cells: [type, `*${type}`, ""], before: [] }))).map((line) => line.trimEnd()),
    "}",
    "",
    `func (value ${name}) MarshalJSON() ([]byte, error) {`,
    "\tswitch {",
    ...fields.flatMap((type) => [`\tcase value.${type} != nil:`, `\t\treturn json.Marshal(value.${type})`]),
    "\t}",
    `\treturn nil, errors.New("no field of ${name} is set")`,
    "}",
    "",
    `func (value *${name}) UnmarshalJSON(data []byte) error {`,
    `\tvar tag struct {`,
    `\t\tValue string \`json:${tag}\``,
    "\t}",
    "\tif err := json.Unmarshal(data, &tag); err != nil {",
    "\t\treturn err",
    "\t}",
    "\tswitch tag.Value {",
    ...fields.flatMap((type, index) => [
      `\tcase ${JSON.stringify(values[index])}:`,
      `\t\t*value = ${name}{${type}: new(${type})}`,
      `\t\treturn json.Unmarshal(data, value.${type})`,
    ]),
    "\t}",
    `\treturn errors.New(${JSON.stringify(`${name} has no member whose ${field} is `)} + tag.Value)`,
    "}",
  ];
}

function rawLines({ name, members }: UnionDeclaration, context: Context): string[] {
  return [
    `// One of: ${members.map((member) => written(member, context)).join(", ")}. Nothing in it says which, so it is left as it came.`,
    `type ${name} = json.RawMessage`,
  ];
}

function written(type: Type, context: Context): string {
  switch (type.kind) {
    case "any":
    case "null":
      return "any";
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "number":
      return "float64";
    case "integer":
      return "int64";
    case "literal":
      return written({ kind: type.of }, context);
    case "named":
      return type.name;
    case "nullable":
      return isNilable(type.of, context) ? written(type.of, context) : `*${written(type.of, context)}`;
    case "list":
      return `[]${written(type.items, context)}`;
    case "map":
      return `map[string]${written(type.values, context)}`;
    case "tuple":
  }
  return "[]any";
}
