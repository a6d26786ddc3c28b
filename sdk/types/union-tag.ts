import type { Declaration, ObjectDeclaration, Type, UnionTag } from "./model.ts";

/** The field that tells the members of a union apart: in every one of them a required constant, and each another. */
export function tagOf(members: readonly Type[], declarations: readonly Declaration[]): UnionTag | undefined {
  const objects = members.map((member) => objectOf(member, declarations));
  const [first] = objects;
  if (!first) return undefined;
  for (const { name } of first.fields) {
    const values = objects.map((object) => object && constantOf(object, name, declarations));
    const found = values.filter((value) => value !== undefined);
    if (found.length === members.length && new Set(found).size === members.length)
      return { field: name, values: found };
  }
  return undefined;
}

function objectOf(type: Type, declarations: readonly Declaration[]): ObjectDeclaration | undefined {
  const found = declarationOf(type, declarations);
  if (found?.kind === "alias") return objectOf(found.of, declarations);
  return found?.kind === "object" ? found : undefined;
}

function declarationOf(type: Type, declarations: readonly Declaration[]): Declaration | undefined {
  return type.kind === "named" ? declarations.find(({ name }) => name === type.name) : undefined;
}

function constantOf(
  { fields }: ObjectDeclaration,
  name: string,
  declarations: readonly Declaration[],
): string | undefined {
  const field = fields.find((candidate) => candidate.name === name && candidate.required);
  const declared = field && declarationOf(field.type, declarations);
  return declared?.kind === "enum" && declared.values.length === 1 ? declared.values[0] : undefined;
}
