type HeadersSource = Headers | Iterable<readonly [string, string]> | Readonly<Record<string, string>>;

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Fetch Standard §5.1, without guards: which headers are sent is the platform's decision. */
export class Headers {
  readonly #values = new Map<string, string>();

  constructor(from: HeadersSource = {}) {
    const entries = Symbol.iterator in from ? from : Object.entries(from);
    for (const [name, value] of entries as Iterable<readonly [string, string]>) this.append(name, value); // either form has pairs
  }

  append(name: string, value: string): void {
    const key = keyOf(name);
    const known = this.#values.get(key);
    this.#values.set(key, known === undefined ? valueOf(value) : `${known}, ${valueOf(value)}`);
  }

  set(name: string, value: string): void {
    this.#values.set(keyOf(name), valueOf(value));
  }

  get(name: string): string | null {
    return this.#values.get(keyOf(name)) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(keyOf(name));
  }

  delete(name: string): void {
    this.#values.delete(keyOf(name));
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void): void {
    for (const [name, value] of this) callback(value, name, this);
  }

  *entries(): IterableIterator<[string, string]> {
    yield* [...this.#values].sort(([one], [other]) => (one < other ? -1 : 1));
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

function keyOf(name: string): string {
  if (!NAME.test(name)) throw new TypeError(`"${name}" is not a header name.`);
  return name.toLowerCase();
}

function valueOf(value: unknown): string {
  const trimmed = String(value).replaceAll(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (/[\0\n\r]/.test(trimmed)) throw new TypeError("A header value must not have line breaks or zeros."); // oxlint-disable-line no-control-regex -- they are what is looked for
  return trimmed;
}
