import type { Declaration, Type, TypeModel } from "./model.ts";

/** Whether a type goes on into what is inside one of a kind. */
type Enters = (kind: Type["kind"]) => boolean;

/** Lists and maps keep what they hold elsewhere. */
export const BY_VALUE: Enters = (kind) => kind !== "list" && kind !== "map";

/** True where values of a type hold values of the declaration, through what `enters` lets through. */
export function leadsBack(target: Declaration, type: Type, { declarations }: TypeModel, enters: Enters): boolean {
  const seen = new Set<string>();
  const pending: Type[] = [type];
  while (pending.length > 0) {
    const current = pending.pop();
    if (!current || !enters(current.kind)) continue;
    if (current.kind === "nullable") pending.push(current.of);
    if (current.kind === "list") pending.push(current.items);
    if (current.kind === "map") pending.push(current.values);
    if (current.kind === "tuple") pending.push(...current.items, ...(current.rest ? [current.rest] : []));
    if (current.kind !== "named") continue;
    if (current.name === target.name) return true;
    if (seen.has(current.name)) continue;
    seen.add(current.name);
    const found = declarations.find(({ name }) => name === current.name);
    if (found) pending.push(...typesIn(found));
  }
  return false;
}

function typesIn(declaration: Declaration): readonly Type[] {
  if (declaration.kind === "object") return declaration.fields.map(({ type }) => type);
  if (declaration.kind === "union") return declaration.members;
  return declaration.kind === "alias" ? [declaration.of] : [];
}
