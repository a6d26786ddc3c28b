import { lineComment } from "./comment.ts";
import { BY_VALUE, leadsBack } from "./containment.ts";
import type { Declaration, Field, ObjectDeclaration, Type, TypeModel, UnionDeclaration } from "./model.ts";
import { DistinctNames, pascalCase, snakeCase } from "./names.ts";
import { UserError } from "../project/user-error.ts";

/** Rust reference, "Keywords": strict, reserved, and those that no raw identifier can be. */
const KEYWORDS = new Set(
  (
    "abstract as async await become box break const continue do dyn else enum extern false final fn for gen if impl in let loop macro match mod move mut " +
    "override priv pub ref return static struct trait true try type typeof unsafe unsized use virtual where while yield"
  ).split(" "),
);
const NOT_RAW = new Set(["crate", "self", "super"]);
const DERIVED = "#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]";

/** The types as a Rust module for serde 1; `serde_json` where a value may be anything. */
export function rustTypes(model: TypeModel): string {
  const imports = ["use serde::{Deserialize, Serialize};"];
  return ["", ...imports, ...model.declarations.flatMap((declaration) => ["", ...declare(declaration, model)])].join(
    "\n",
  );
}

function declare(declaration: Declaration, model: TypeModel): string[] {
  const comment = lineComment(declaration.description, "///");
  const { name } = declaration;
  switch (declaration.kind) {
    case "alias":
      if (leadsBack(declaration, declaration.of, model, EVERYWHERE)) {
        throw new UserError(
          `${declaration.path} is a list or map of itself, which Rust cannot say without a type around it.`,
        );
      }
      return [...comment, `pub type ${name} = ${written(declaration.of)};`];
    case "enum":
      return [...comment, DERIVED, `pub enum ${name} {`, ...variantsOf(declaration.values), "}"];
    case "union":
      return [...comment, ...unionLines(declaration, model)];
    case "object":
  }
  return [...comment, DERIVED, `pub struct ${name} {`, ...fieldsOf(declaration, model), "}"];
}

const EVERYWHERE = (): boolean => true;

function variantsOf(values: readonly string[]): string[] {
  const names = new DistinctNames(["Self"]);
  return values.flatMap((value) => {
    const name = names.take(pascalCase(value));
    return [...(name === value ? [] : [`    #[serde(rename = ${quoted(value)})]`]), `    ${name},`];
  });
}

/** The first member that fits is taken; constants and names that are missing tell them apart. */
function unionLines(declaration: UnionDeclaration, model: TypeModel): string[] {
  const names = new DistinctNames(["Self"]);
  const members = declaration.members.map((member) => {
    const name = names.take(variantName(member));
    return `    ${name}(${boxed(declaration, member, model)}),`;
  });
  return [DERIVED, "#[serde(untagged)]", `pub enum ${declaration.name} {`, ...members, "}"];
}

function variantName(type: Type): string {
  if (type.kind === "named") return type.name;
  if (type.kind === "literal") return pascalCase(type.of);
  return pascalCase(type.kind);
}

function fieldsOf(declaration: ObjectDeclaration, model: TypeModel): string[] {
  const names = new DistinctNames();
  const lines = declaration.fields.flatMap((field) =>
    fieldLines(declaration, field, names.take(snakeCase(field.name)), model),
  );
  if (!declaration.others) return lines;
  const others = `std::collections::BTreeMap<String, ${written(declaration.others)}>`;
  return [...lines, "    #[serde(flatten)]", `    pub ${names.take("others")}: ${others},`];
}

function fieldLines(
  owner: ObjectDeclaration,
  { name, description, type, required }: Field,
  wanted: string,
  model: TypeModel,
): string[] {
  const identifier = NOT_RAW.has(wanted) ? `${wanted}_` : KEYWORDS.has(wanted) ? `r#${wanted}` : wanted;
  const plain = identifier.replace(/^r#/, "");
  const attributes = [
    ...(plain === name ? [] : [`rename = ${quoted(name)}`]),
    ...(required ? [] : ["default", 'skip_serializing_if = "Option::is_none"']),
  ];
  const value = boxed(owner, type, model);
  const optional = required || type.kind === "nullable" ? value : `Option<${value}>`;
  return [
    ...lineComment(description, "///", "    "),
    ...(attributes.length > 0 ? [`    #[serde(${attributes.join(", ")})]`] : []),
    `    pub ${identifier}: ${optional},`,
  ];
}

/** A type that holds itself by value would have no size. */
function boxed(owner: Declaration, type: Type, model: TypeModel): string {
  if (!leadsBack(owner, type, model, BY_VALUE)) return written(type);
  return type.kind === "nullable" ? `Option<Box<${written(type.of)}>>` : `Box<${written(type)}>`;
}

function written(type: Type): string {
  switch (type.kind) {
    case "any":
      return "serde_json::Value";
    case "string":
      return "String";
    case "boolean":
      return "bool";
    case "number":
      return "f64";
    case "integer":
      return "i64";
    case "null":
      return "()";
    case "literal":
      return written({ kind: type.of });
    case "named":
      return type.name;
    case "nullable":
      return `Option<${written(type.of)}>`;
    case "list":
      return `Vec<${written(type.items)}>`;
    case "map":
      return `std::collections::BTreeMap<String, ${written(type.values)}>`;
    case "tuple":
  }
  // serde reads a tuple of exactly so many places.
  if (type.rest || type.required < type.items.length) return "Vec<serde_json::Value>";
  return `(${type.items.map(written).join(", ")}${type.items.length === 1 ? "," : ""})`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll(/[\u0000-\u001f\u007f]/g, (char) => `\\u{${char.charCodeAt(0).toString(16)}}`)}"`; // eslint-disable-line no-control-regex -- they are what is escaped
}
