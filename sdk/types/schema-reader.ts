import { isDeepStrictEqual } from "node:util";
import { isObject } from "../contract/config/json-values.ts";
import { resolveReference, type SchemaObject } from "../contract/config/schema-parts.ts";
import { jsonPointer } from "../contract/json-text.ts";
import { UserError } from "../project/user-error.ts";
import type { Declaration, Field, Type } from "./model.ts";
import { DistinctNames, pascalCase } from "./names.ts";
import { membersOf, merged, typeNamesOf } from "./schema-shape.ts";
import { tagOf } from "./union-tag.ts";

/** A schema, where it stands, and what the type would be called that is made from it. */
interface Place {
  readonly root: SchemaObject;
  readonly at: readonly string[];
  readonly name: string;
}

/** Names that mean something in one of the languages, or in what is written in it. */
const RESERVED = (
  "AnyJson Array ArrayBuffer BigInt Boolean Box Date Deserialize Err Error Function Functions JSON Map Math Messages None Number Object Ok Option Promise " +
  "Record Result Self Serialize Set Some String Symbol Uint8Array Vec"
).split(" ");

const ANY: Type = { kind: "any" };

/**
 * Reads schemas as types. Objects, enumerations and unions become declarations: by the name of the definition that they are, or
 * else by where they stand, such as `OrderLine` for the items of `lines` in `Order`. What no type says (bounds, patterns,
 * conditions) is left to validation.
 */
export class SchemaReader {
  readonly #types: Readonly<Record<string, SchemaObject>>;
  readonly #declarations: (Declaration | undefined)[] = [];
  readonly #names = new DistinctNames(RESERVED);
  readonly #known = new Map<SchemaObject, Type>();
  /** Places of schemas that have their name for themselves: a part of one has another. */
  readonly #wholes = new Set<string>();
  /** What is being read: a name once something in it leads back to it. */
  readonly #open = new Map<SchemaObject, { readonly place: Place; name?: string }>();

  /** @param types  the manifest's */
  constructor(types: Readonly<Record<string, SchemaObject>>) {
    this.#types = types;
  }

  get declarations(): readonly Declaration[] {
    return this.#declarations.filter((declaration) => declaration !== undefined);
  }

  /** One of the manifest's types. */
  shared(name: string): Type {
    const schema = this.#types[name] ?? {};
    const place = { root: { $defs: this.#types }, at: ["types", name], name: pascalCase(name) };
    return this.#open.has(schema) ? this.#read(schema, place) : this.#whole(schema, place);
  }

  /** A schema of a function or a message: a type with a name of its own. */
  root(name: string, schema: SchemaObject, at: readonly string[]): Type {
    return this.#whole(schema, { root: schema, at, name });
  }

  /** What is no declaration by itself becomes one by another name. */
  #whole(schema: SchemaObject, place: Place): Type {
    this.#wholes.add(pathOf(place));
    const type = this.#read(schema, place);
    if (
      type.kind === "named" &&
      this.#declarations.some((found) => found?.name === type.name && found.path === pathOf(place))
    ) {
      return type;
    }
    return this.#alias(schema, place, this.#names.take(place.name), type);
  }

  #alias(schema: SchemaObject, place: Place, name: string, of: Type): Type {
    const named: Type = { kind: "named", name };
    this.#declarations.push({
      kind: "alias",
      name,
      description: describe(schema),
      path: pathOf(place),
      of,
    });
    this.#known.set(schema, named);
    return named;
  }

  #read(schema: unknown, place: Place): Type {
    if (schema === false) throw new UserError(`${pathOf(place)} lets no value through, so it has no type.`);
    if (!isObject(schema)) return ANY;
    const known = this.#known.get(schema) ?? this.#begun(schema);
    if (known) return known;
    const open: { readonly place: Place; name?: string } = { place };
    this.#open.set(schema, open);
    const type = this.#typeOf(schema, place);
    this.#open.delete(schema);
    if (open.name !== undefined && !(type.kind === "named" && type.name === open.name)) {
      return this.#alias(schema, place, open.name, type);
    }
    this.#known.set(schema, type);
    return type;
  }

  /** The name of what is being read, for what in it leads back to it. */
  #begun(schema: SchemaObject): Type | undefined {
    const open = this.#open.get(schema);
    if (!open) return undefined;
    open.name ??= this.#names.take(open.place.name);
    return { kind: "named", name: open.name };
  }

  #typeOf(schema: SchemaObject, place: Place): Type {
    if (typeof schema["$ref"] === "string") return this.#referred(schema["$ref"], place);
    if (Object.hasOwn(schema, "const")) return this.#enumerated(schema, [schema["const"]], place);
    if (Array.isArray(schema["enum"])) return this.#enumerated(schema, schema["enum"], place);
    const whole = merged(schema, place.root);
    const members = membersOf(whole, place.root);
    if (members) return this.#union(schema, members, place);
    const names = typeNamesOf(whole);
    if (names.length === 0) return ANY;
    const isOnly = names.length === 1;
    const types = names.map((name) => this.#ofType(name, isOnly ? schema : undefined, whole, place));
    const [only] = types;
    return only && isOnly ? only : this.#combined(schema, types, place);
  }

  /** @param schema  undefined where the type is only a part of what the schema says */
  #ofType(name: string, schema: SchemaObject | undefined, whole: SchemaObject, place: Place): Type {
    if (name === "object") return this.#object(schema, whole, place);
    if (name === "array") return this.#list(whole, place);
    return { kind: name as "string" | "boolean" | "number" | "integer" | "null" }; // the other names of the table
  }

  #referred(reference: string, place: Place): Type {
    const target = resolveReference(place.root, reference);
    if (!isObject(target)) return target === false ? this.#read(false, place) : ANY;
    const name = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(reference)?.[1];
    if (name !== undefined && this.#types[name] === target) return this.shared(name);
    const same = this.#alike(target);
    if (same) return same;
    const own = name !== undefined && /^[A-Za-z]/.test(name) ? pascalCase(name) : place.name;
    const at = reference.startsWith("#/") ? [...rootOf(place), ...reference.slice(2).split("/")] : place.at;
    return this.#read(target, { ...place, at, name: own });
  }

  /** A library may write a schema out at the top and once more as a definition. */
  #alike(target: SchemaObject): Type | undefined {
    const plain = withoutDefinitions(target);
    const isSame = (schema: SchemaObject): boolean => isDeepStrictEqual(withoutDefinitions(schema), plain);
    const open = [...this.#open.keys()].find(isSame);
    if (open) return this.#begun(open);
    return [...this.#known].find(([schema, type]) => type.kind === "named" && isSame(schema))?.[1];
  }

  #enumerated(schema: SchemaObject, values: readonly unknown[], place: Place): Type {
    const texts = values.filter((value) => typeof value === "string");
    const others = values.filter((value) => typeof value !== "string" && value !== null);
    const types: Type[] = [
      ...(texts.length > 0
        ? [
            this.#declare(texts.length === values.length ? schema : undefined, schema, place, (named) => ({
              ...named,
              kind: "enum",
              values: [...new Set(texts)],
            })),
          ]
        : []),
      ...literalsOf(others),
      ...(values.includes(null) ? [{ kind: "null" } as const] : []),
    ];
    return this.#combined(schema, types, place);
  }

  #union(schema: SchemaObject, members: readonly unknown[], place: Place): Type {
    const types = members.map((member, index) =>
      this.#read(member, {
        ...place,
        at: [...place.at, "oneOf", String(index)],
        name: memberName(member, place.name, index),
      }),
    );
    return this.#combined(schema, types, place);
  }

  /** Several types in one place: null makes the rest nullable, and what is left is a union where it is more than one. */
  #combined(schema: SchemaObject, types: readonly Type[], place: Place): Type {
    const flat = types.map((type) => (type.kind === "nullable" ? type.of : type));
    const distinct = flat.filter((type, index) => flat.findIndex((other) => isDeepStrictEqual(other, type)) === index);
    const values = distinct.filter(({ kind }) => kind !== "null");
    const nullable = types.some(({ kind }) => kind === "null" || kind === "nullable");
    const [only] = values;
    if (!only) return { kind: "null" };
    const of = this.#oneOf(schema, only, values, nullable, place);
    return nullable && of.kind !== "any" ? { kind: "nullable", of } : of;
  }

  #oneOf(schema: SchemaObject, only: Type, values: readonly Type[], nullable: boolean, place: Place): Type {
    if (values.length === 1) return only;
    if (values.some(({ kind }) => kind === "any")) return ANY;
    const tag = tagOf(values, this.declarations);
    const make = (named: NamedParts): Declaration => ({ ...named, kind: "union", members: values, tag });
    return this.#declare(nullable ? undefined : schema, schema, place, make);
  }

  #object(schema: SchemaObject | undefined, whole: SchemaObject, place: Place): Type {
    const properties = Object.entries(isObject(whole["properties"]) ? whole["properties"] : {});
    const others = whole["additionalProperties"];
    if (properties.length === 0 && others !== false) {
      const patterns = isObject(whole["patternProperties"]) ? Object.values(whole["patternProperties"]) : [];
      const [first] = patterns;
      const values = patterns.length === 1 ? first : patterns.length > 1 ? true : (others ?? true);
      const at = [...place.at, patterns.length > 0 ? "patternProperties" : "additionalProperties"];
      return { kind: "map", values: this.#read(values, { ...place, at, name: `${place.name}Value` }) };
    }
    const required = new Set(Array.isArray(whole["required"]) ? whole["required"] : []);
    return this.#declare(schema, whole, place, (named) => ({
      ...named,
      kind: "object",
      fields: properties.map(([name, property]) =>
        this.#field(name, property, required.has(name), { ...place, name: named.name }),
      ),
      others:
        others === undefined || others === false
          ? undefined
          : this.#read(others, { ...place, at: [...place.at, "additionalProperties"], name: `${named.name}Other` }),
    }));
  }

  #field(name: string, schema: unknown, required: boolean, owner: Place): Field {
    const at = [...owner.at, "properties", name];
    const type = this.#read(schema, { ...owner, at, name: owner.name + pascalCase(name) });
    return { name, description: describe(schema), type, required, path: jsonPointer(at) };
  }

  #list(whole: SchemaObject, place: Place): Type {
    const old = Array.isArray(whole["items"]);
    const places: unknown = old ? whole["items"] : whole["prefixItems"];
    const rest: unknown = old ? whole["additionalItems"] : whole["items"];
    const read = (schema: unknown, keyword: string, name: string): Type =>
      this.#read(schema, { ...place, at: [...place.at, keyword], name });
    if (!Array.isArray(places) || places.length === 0) {
      return { kind: "list", items: read(rest ?? true, "items", singular(place.name)) };
    }
    const least = typeof whole["minItems"] === "number" ? whole["minItems"] : 0;
    return {
      kind: "tuple",
      items: places.map((item: unknown, index) => read(item, `prefixItems/${index}`, `${place.name}${index + 1}`)),
      required: Math.min(least, places.length),
      rest:
        rest === false || whole["maxItems"] === places.length
          ? undefined
          : read(rest ?? true, "items", `${place.name}Rest`),
    };
  }

  /**
   * @param schema  undefined where the declaration is only a part of what the schema says
   * @param make  makes the declaration; what leads back to it meanwhile gets its name
   */
  #declare(
    schema: SchemaObject | undefined,
    said: SchemaObject,
    place: Place,
    make: (named: NamedParts) => Declaration,
  ): Type {
    const open = schema && this.#open.get(schema);
    const isPart = !schema && this.#wholes.has(pathOf(place));
    const name = open?.name ?? this.#names.take(isPart ? `${place.name}Value` : place.name);
    if (open) open.name = name;
    const index = this.#declarations.push(undefined) - 1;
    this.#declarations[index] = make({ name, description: describe(said), path: pathOf(place) });
    return { kind: "named", name };
  }
}

type NamedParts = Pick<Declaration, "name" | "description" | "path">;

/** Where the schema of a function or a message begins, in names of the manifest. */
function rootOf({ at }: Place): readonly string[] {
  return at.slice(0, at.indexOf("schema") + 1);
}

function pathOf({ at }: Place): string {
  return jsonPointer(at);
}

function describe(schema: unknown): string | undefined {
  const own = isObject(schema) ? schema["description"] : undefined;
  return typeof own === "string" ? own : undefined;
}

/** Numbers and booleans among the values of an enumeration. */
function literalsOf(values: readonly unknown[]): Type[] {
  const numbers = values.filter((value) => typeof value === "number");
  const booleans = values.filter((value) => typeof value === "boolean");
  const isAnyOther = numbers.length + booleans.length < values.length;
  return [
    ...(numbers.length > 0
      ? [{ kind: "literal", values: numbers, of: numbers.every(Number.isInteger) ? "integer" : "number" } as const]
      : []),
    ...(booleans.length > 0 ? [{ kind: "literal", values: booleans, of: "boolean" } as const] : []),
    ...(isAnyOther ? [ANY] : []),
  ];
}

function withoutDefinitions({
  $defs: _defs,
  definitions: _definitions,
  $schema: _dialect,
  ...schema
}: SchemaObject): SchemaObject {
  return schema;
}

/** A member with a constant among its fields is called by it. */
function memberName(member: unknown, name: string, index: number): string {
  const properties = isObject(member) && isObject(member["properties"]) ? Object.values(member["properties"]) : [];
  const constant = properties.find((property) => isObject(property) && typeof property["const"] === "string");
  return name + (isObject(constant) ? pascalCase(String(constant["const"])) : String(index + 1));
}

function singular(name: string): string {
  if (/(?:ss|us|is)$/.test(name)) return `${name}Item`;
  if (name.endsWith("ies")) return `${name.slice(0, -3)}y`;
  return name.endsWith("s") ? name.slice(0, -1) : `${name}Item`;
}
