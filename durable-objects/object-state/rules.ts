/**
 * What a Durable Object holds, as lines of JSON: a header, each table with its rows, what is defined on top of the tables, the
 * entries of its key-value storage, and an end that counts them. Values of SQLite keep their storage class. Pure.
 */

export const STATE_FORMAT = 1;
/** Bytes of one piece, well below what a call between objects and one entry of an object may have (32 MiB, 2 MB). */
export const PIECE_BYTES = 1024 * 1024;

/**
 * A value of SQLite: null, a finite real as number, else text with its storage class before it: `i` integer, `r` other real,
 * `t` text, `b` bytes in base64.
 */
export type StateValue = null | number | string;

export type StateLine =
  | { readonly format: number; readonly object: string }
  | { readonly table: string; readonly sql: string; readonly columns: readonly string[] }
  /** A row of the table before it. */
  | readonly StateValue[]
  /** An index or a view, made once all rows are there. */
  | { readonly define: string }
  | { readonly key: string; readonly value: TaggedValue }
  | { readonly end: StateCounts };

export interface StateCounts {
  readonly rows: number;
  readonly keys: number;
}

/** A structured value: lists and objects as such, and what JSON does not have as `{ "$": kind, "v": text }`. */
export type TaggedValue =
  null | boolean | number | string | readonly TaggedValue[] | { readonly [name: string]: TaggedValue };

/** The state is not one, or not one that this version can read. */
export class StateRefused extends Error {
  override readonly name = "StateRefused";
}

/** @param value  as a query of `tagged` columns answers it */
export function stateValue(value: string | number | null | ArrayBuffer): StateValue {
  if (value instanceof ArrayBuffer) return `b${new Uint8Array(value).toBase64()}`;
  return typeof value === "number" && !Number.isFinite(value) ? `r${value}` : value;
}

/** The query's expression of a column, so that integers of 64 bits keep their digits and texts are told from them. */
export function taggedColumn(column: string): string {
  const name = quoted(column);
  return `CASE typeof(${name}) WHEN 'integer' THEN 'i' || ${name} WHEN 'text' THEN 't' || ${name} ELSE ${name} END`;
}

export interface Bound {
  /** The parameter in a statement. */
  readonly sql: string;
  readonly value: string | number | null | ArrayBuffer;
}

/** @throws {StateRefused} */
export function boundValue(value: StateValue): Bound {
  if (typeof value !== "string") return { sql: "?", value };
  const text = value.slice(1);
  switch (value.slice(0, 1)) {
    case "i":
      return { sql: "CAST(? AS INTEGER)", value: text };
    case "r":
      return { sql: "?", value: Number(text) };
    case "t":
      return { sql: "?", value: text };
    case "b":
      return { sql: "?", value: Uint8Array.fromBase64(text).buffer };
    default:
      throw new StateRefused("The state has a value of a kind that this version does not know.");
  }
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** @throws {TypeError} for what cannot be kept as text */
export function taggedValue(value: unknown): TaggedValue {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (value === undefined) return { $: "undefined", v: "" };
  if (typeof value === "number") return { $: "number", v: String(value) };
  if (typeof value === "bigint") return { $: "bigint", v: String(value) };
  if (value instanceof Date) return { $: "date", v: String(value.getTime()) };
  if (value instanceof Uint8Array) return { $: "bytes", v: value.toBase64() };
  if (value instanceof ArrayBuffer) return { $: "buffer", v: new Uint8Array(value).toBase64() };
  if (Array.isArray(value)) return value.map((item) => taggedValue(item));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError("A value of this kind is not exported.");
  const entries = Object.entries(value).map(([name, inner]) => [name, taggedValue(inner)] as const);
  const plain = Object.fromEntries(entries);
  return Object.hasOwn(plain, "$") ? { $: "object", v: plain } : plain;
}

const UNTAGGED: Readonly<Record<string, (text: string) => unknown>> = {
  undefined: () => undefined,
  number: Number,
  bigint: BigInt,
  date: (text) => new Date(Number(text)),
  bytes: (text) => Uint8Array.fromBase64(text),
  buffer: (text) => Uint8Array.fromBase64(text).buffer,
};

/** @throws {StateRefused} */
export function untaggedValue(value: TaggedValue): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return (value as readonly TaggedValue[]).map((item) => untaggedValue(item)); // isArray forgets readonly
  const { $: kind, v: inner } = value as Readonly<Record<string, TaggedValue>>; // not a list
  if (kind === undefined || kind === "object") {
    const fields = kind === "object" ? inner : value;
    return Object.fromEntries(
      Object.entries(fields ?? {}).map(([name, field]) => [name, untaggedValue(field as TaggedValue)]),
    ); // values of tagged objects are tagged
  }
  const read = typeof kind === "string" && Object.hasOwn(UNTAGGED, kind) ? UNTAGGED[kind] : undefined;
  if (!read || typeof inner !== "string") {
    throw new StateRefused("The state has a value of a kind that this version does not know.");
  }
  return read(inner);
}

/** Cuts lines into pieces of `PIECE_BYTES`; only the last may be shorter. */
export function* piecesOf(lines: Iterable<StateLine>): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let texts: string[] = [];
  let length = 0;
  let rest = new Uint8Array(0);
  for (const line of lines) {
    const text = `${JSON.stringify(line)}\n`;
    texts.push(text);
    length += text.length;
    if (rest.byteLength + length < PIECE_BYTES) continue;
    rest = joined(rest, encoder.encode(texts.join("")));
    [texts, length] = [[], 0];
    for (; rest.byteLength >= PIECE_BYTES; rest = rest.slice(PIECE_BYTES)) yield rest.slice(0, PIECE_BYTES);
  }
  rest = joined(rest, encoder.encode(texts.join("")));
  if (rest.byteLength > 0) yield rest;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.byteLength + second.byteLength);
  bytes.set(first, 0);
  bytes.set(second, first.byteLength);
  return bytes;
}

/** Reads lines from bytes cut anywhere. */
export class StateReader {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #rest = "";

  /** @throws {StateRefused} for bytes that are not lines of JSON */
  push(bytes: Uint8Array): readonly StateLine[] {
    try {
      const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
      this.#rest = lines.pop() ?? "";
      return lines.map((line) => JSON.parse(line) as StateLine); // what it is, its reader checks
    } catch (cause) {
      throw new StateRefused("The state is not what was exported: it cannot be read.", { cause });
    }
  }

  /** True where nothing is left over. */
  get ended(): boolean {
    return this.#rest === "";
  }
}

/** @throws {StateRefused} where the header is another object's or of a format that is not known */
export function requireHeader(line: StateLine | undefined, object: string): void {
  if (!line || !("format" in line)) throw new StateRefused("The state does not begin with a header.");
  if (line.format !== STATE_FORMAT) {
    throw new StateRefused(`The state has format ${line.format}; this version reads ${STATE_FORMAT}.`);
  }
  if (line.object !== object) throw new StateRefused(`The state is of ${line.object}, not of ${object}.`);
}
