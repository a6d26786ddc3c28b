/** Types of functions as the inspection writes them: `(i32, i64) -> f64`, `() -> (i32, i32)`, `() -> ()`. */

export interface Signature {
  readonly parameters: readonly string[];
  readonly results: readonly string[];
}

/** Values that mean the same in every module. A reference names types and functions of the module it comes from. */
const CROSSING: ReadonlySet<string> = new Set(["i32", "i64", "f32", "f64", "v128"]);

export function splitSignature(type: string): Signature {
  const [parameters = "", results = ""] = type.split(" -> ");
  return { parameters: listed(parameters), results: listed(results) };
}

/** @returns the first type that cannot be passed from one module to another, undefined where all can */
export function typeThatCannotCross(type: string): string | undefined {
  const { parameters, results } = splitSignature(type);
  return [...parameters, ...results].find((name) => !CROSSING.has(name));
}

function listed(text: string): string[] {
  const inner = text.startsWith("(") && text.endsWith(")") && !text.startsWith("(ref") ? text.slice(1, -1) : text;
  return inner.split(", ").filter((name) => name !== "");
}
