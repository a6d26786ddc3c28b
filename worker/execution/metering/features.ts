import { WasmRefusal } from "./refusal.ts";

/**
 * Names of the WebAssembly features that are told apart, the first one standing for the version of 2017.
 * The position in this list is the feature's number in the opcode table.
 */
export const FEATURES = [
  "mvp",
  "bulk-memory",
  "custom-page-sizes",
  "exception-tags",
  "exceptions",
  "exceptions-legacy",
  "extended-const",
  "function-references",
  "gc",
  "memory64",
  "multi-memory",
  "multi-value",
  "mutable-globals",
  "reference-types",
  "relaxed-simd",
  "saturating-float-to-int",
  "sign-extension",
  "simd",
  "tail-call",
  "threads",
  "wide-arithmetic",
] as const;

export type Feature = (typeof FEATURES)[number];

/** Collects the features that a module uses and refuses the ones that are not run, at their first use. */
export class FeatureLog {
  /** One cell per number of {@link FEATURES}: 1 once seen. Read directly by the instruction loops. */
  readonly seen = new Uint8Array(FEATURES.length);
  readonly #refused: ReadonlySet<Feature>;

  constructor(refused: ReadonlySet<Feature> = new Set()) {
    this.#refused = refused;
  }

  /** Notes a use at a byte offset. Throws WASM_UNSUPPORTED with the feature's name where it is refused. */
  note(feature: Feature, offset: number): void {
    if (this.#refused.has(feature)) {
      throw new WasmRefusal("WASM_UNSUPPORTED", `the feature "${feature}" is not supported`, offset, feature);
    }
    this.seen[FEATURES.indexOf(feature)] = 1;
  }

  noteNumber(number: number, offset: number): void {
    const feature = FEATURES[number];
    if (feature !== undefined) this.note(feature, offset);
  }

  has(feature: Feature): boolean {
    return this.seen[FEATURES.indexOf(feature)] === 1;
  }

  /** The names seen, sorted, without "mvp". */
  names(): Feature[] {
    return FEATURES.filter((_, number) => number > 0 && this.seen[number] === 1);
  }
}
