/** What a plugin's schemas say, as types: the same for every language that they are written in. */
export interface TypeModel {
  /** What the types are of, such as `acme.shop 1.2.0`. */
  readonly plugin: string;
  /** In the order in which they are met. */
  readonly declarations: readonly Declaration[];
  readonly functions: readonly FunctionTypes[];
  /** Types of messages, by topic. */
  readonly messages: readonly { readonly topic: string; readonly type: Type }[];
  /** Type of the whole configuration; undefined where there is none. */
  readonly config: Type | undefined;
}

export interface FunctionTypes {
  readonly name: string;
  readonly summary: string | undefined;
  /** `bytes` and `text` for what is no JSON. */
  readonly input: PayloadType;
  readonly output: PayloadType;
}

export type PayloadType = "bytes" | "text" | Type;

export type Type =
  | { readonly kind: "any" | "string" | "boolean" | "number" | "integer" | "null" }
  | {
      readonly kind: "literal";
      readonly values: readonly (number | boolean)[];
      readonly of: "boolean" | "number" | "integer";
    }
  | { readonly kind: "list"; readonly items: Type }
  | {
      readonly kind: "tuple";
      readonly items: readonly Type[];
      readonly required: number;
      readonly rest: Type | undefined;
    }
  | { readonly kind: "map"; readonly values: Type }
  | { readonly kind: "nullable"; readonly of: Type }
  | { readonly kind: "named"; readonly name: string };

interface Named {
  /** In Pascal case, different from every other. */
  readonly name: string;
  readonly description: string | undefined;
  /** JSON pointer into the manifest of the schema that it is made from. */
  readonly path: string;
}

export interface ObjectDeclaration extends Named {
  readonly kind: "object";
  readonly fields: readonly Field[];
  /** Type of members beside the fields, where the schema says that there may be any. */
  readonly others: Type | undefined;
}

export interface EnumDeclaration extends Named {
  readonly kind: "enum";
  readonly values: readonly string[];
}

export interface UnionDeclaration extends Named {
  readonly kind: "union";
  readonly members: readonly Type[];
  /** The field by whose value members differ, where all are objects with such a field. */
  readonly tag: UnionTag | undefined;
}

export interface UnionTag {
  /** As in JSON. */
  readonly field: string;
  /** By member, in their order. */
  readonly values: readonly string[];
}

export interface AliasDeclaration extends Named {
  readonly kind: "alias";
  readonly of: Type;
}

export type Declaration = ObjectDeclaration | EnumDeclaration | UnionDeclaration | AliasDeclaration;

export interface Field {
  /** As in JSON. */
  readonly name: string;
  readonly description: string | undefined;
  readonly type: Type;
  /** False where it may be left out. */
  readonly required: boolean;
  readonly path: string;
}
