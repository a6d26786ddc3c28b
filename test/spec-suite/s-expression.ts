/** Reads scripts of the text format (specification §6.3) as nested lists, with the place of each list in the source. */

/** A string literal: bytes, not always UTF-8. */
export class StringLiteral {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }
}

export class List {
  readonly items: Item[] = [];
  readonly start: number;
  end = 0;

  constructor(start: number) {
    this.start = start;
  }

  /** First word, or "" where there is none. */
  get head(): string {
    const [first] = this.items;
    return typeof first === "string" ? first : "";
  }
}

export type Item = string | StringLiteral | List;

const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, '"': 34, "'": 39, "\\": 92 };
const WORD_END = new Set(Buffer.from(' \t\r\n()";'));

/** All lists of a script, in order. Offsets are bytes, because strings may hold any. */
export function readScript(source: Uint8Array): List[] {
  const reader = new Reader(source);
  const lists: List[] = [];
  for (;;) {
    reader.skipSpace();
    if (reader.atEnd) return lists;
    const item = reader.item();
    if (item instanceof List) lists.push(item);
  }
}

class Reader {
  readonly #source: Buffer;
  #at = 0;

  constructor(source: Uint8Array) {
    this.#source = Buffer.from(source);
  }

  get atEnd(): boolean {
    return this.#at >= this.#source.length;
  }

  #starts(text: string): boolean {
    return this.#source.toString("latin1", this.#at, this.#at + text.length) === text;
  }

  skipSpace(): void {
    for (;;) {
      const byte = this.#source[this.#at];
      if (byte === 32 || byte === 9 || byte === 10 || byte === 13) this.#at++;
      else if (this.#starts(";;") || this.#starts("(@")) this.#skipLineOrAnnotation();
      else if (this.#starts("(;")) this.#skipBlockComment();
      else return;
    }
  }

  #skipLineOrAnnotation(): void {
    if (this.#starts("(@")) {
      this.#at++;
      this.#list();
      return;
    }
    while (!this.atEnd && this.#source[this.#at] !== 10) this.#at++;
  }

  #skipBlockComment(): void {
    this.#at += 2;
    for (let depth = 1; depth > 0 && !this.atEnd; this.#at++) {
      if (this.#starts("(;")) depth++;
      else if (!this.#starts(";)")) continue;
      else depth--;
      this.#at++;
    }
  }

  item(): Item {
    const byte = this.#source[this.#at];
    if (byte === 40) {
      this.#at++;
      return this.#list();
    }
    return byte === 34 ? this.#string() : this.#word();
  }

  /** Everything up to the closing parenthesis, the opening one having been read. */
  #list(): List {
    const list = new List(this.#at - 1);
    for (;;) {
      this.skipSpace();
      if (this.atEnd) throw new SyntaxError("a list does not end");
      if (this.#source[this.#at] === 41) break;
      list.items.push(this.item());
    }
    list.end = ++this.#at;
    return list;
  }

  #word(): string {
    const start = this.#at++;
    while (!this.atEnd && !WORD_END.has(this.#source[this.#at] ?? 0)) this.#at++;
    return this.#source.toString("utf8", start, this.#at);
  }

  #string(): StringLiteral {
    const bytes: number[] = [];
    for (this.#at++; this.#source[this.#at] !== 34;) {
      if (this.atEnd) throw new SyntaxError("a string does not end");
      if (this.#source[this.#at] === 92) this.#escape(bytes);
      else bytes.push(this.#source[this.#at++] ?? 0);
    }
    this.#at++;
    return new StringLiteral(Uint8Array.from(bytes));
  }

  #escape(bytes: number[]): void {
    const letter = String.fromCharCode(this.#source[this.#at + 1] ?? 0);
    const code = ESCAPES[letter];
    if (code !== undefined) {
      bytes.push(code);
      this.#at += 2;
    } else if (letter === "u") {
      const end = this.#source.indexOf(125, this.#at);
      const digits = this.#source.toString("latin1", this.#at + 3, end).replaceAll("_", "");
      bytes.push(...new TextEncoder().encode(String.fromCodePoint(Number.parseInt(digits, 16))));
      this.#at = end + 1;
    } else {
      bytes.push(Number.parseInt(this.#source.toString("latin1", this.#at + 1, this.#at + 3), 16));
      this.#at += 3;
    }
  }
}
