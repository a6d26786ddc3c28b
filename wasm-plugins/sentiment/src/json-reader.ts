/**
 * A strict reader of JSON (RFC 8259), pulled by the caller in the order it expects values. The first problem is kept
 * with its place and every later call does nothing, because AssemblyScript has no exceptions to catch.
 */

export class JsonReader {
  position: i32 = 0;
  problem: string = "";

  constructor(readonly text: string) {}

  get failed(): bool {
    return this.problem.length > 0;
  }

  fail(problem: string): void {
    if (!this.failed) this.problem = problem;
  }

  /** Next character after white space, or 0 at the end. */
  peek(): i32 {
    while (this.position < this.text.length) {
      const c = this.text.charCodeAt(this.position);
      if (c != 0x20 && c != 0x0a && c != 0x0d && c != 0x09) return c;
      this.position++;
    }
    return 0;
  }

  /** Takes `c` if it is next. */
  take(c: i32): bool {
    if (this.failed || this.peek() != c) return false;
    this.position++;
    return true;
  }

  expect(c: i32): void {
    if (!this.take(c)) this.unexpected("`" + String.fromCharCode(c) + "`");
  }

  /** After an element: true when another follows, false at the closing bracket `close`. */
  another(close: i32): bool {
    if (this.take(0x2c)) return true;
    if (!this.take(close)) this.unexpected("`,` or `" + String.fromCharCode(close) + "`");
    return false;
  }

  expectEnd(): void {
    if (!this.failed && this.peek() != 0) this.unexpected("the end");
  }

  unexpected(wanted: string): void {
    const c = this.peek();
    const found = c == 0 ? "the end" : "`" + this.text.charAt(this.position) + "`";
    this.fail(
      "input is not valid JSON: expected " + wanted + " at character " + this.position.toString() + ", found " + found,
    );
  }

  /** Kind of the next value in words, for error messages. */
  kind(): string {
    const c = this.peek();
    if (c == 0x22) return "a string";
    if (c == 0x7b) return "an object";
    if (c == 0x5b) return "an array";
    if (c == 0x74 || c == 0x66) return "a boolean";
    if (c == 0x6e) return "null";
    if (c == 0x2d || (c >= 0x30 && c <= 0x39)) return "a number";
    return c == 0 ? "nothing" : "no JSON value";
  }

  /** The buffer for the escapes is freed at once: strings can be as large as the input. */
  readString(): string {
    this.expect(0x22);
    const start = this.position;
    const end = this.closingQuote();
    if (this.failed) return "";
    const units = heap.alloc((<usize>(end - start)) << 1);
    let length: usize = 0;
    while (this.position < end && !this.failed) {
      const c = this.text.charCodeAt(this.position);
      if (c < 0x20) this.unexpected("no control character inside a string");
      this.position++;
      store<u16>(units + (length++ << 1), <u16>(c == 0x5c ? this.readEscape() : c));
    }
    this.position = end + 1;
    const value = String.UTF16.decodeUnsafe(units, length << 1);
    heap.free(units);
    return this.failed ? "" : value;
  }

  /** Position of the quote that ends the string which starts here. */
  private closingQuote(): i32 {
    let i = this.position;
    while (i < this.text.length) {
      const c = this.text.charCodeAt(i);
      if (c == 0x22) return i;
      i += c == 0x5c ? 2 : 1;
    }
    this.fail("input is not valid JSON: a string has no end");
    return this.position;
  }

  /** The code unit for what follows a backslash. */
  private readEscape(): i32 {
    const c = this.text.charCodeAt(this.position++);
    switch (c) {
      case 0x22: // "
      case 0x2f: // /
      case 0x5c: // a backslash
        return c;
      case 0x62: // b
        return 0x08;
      case 0x66: // f
        return 0x0c;
      case 0x6e: // n
        return 0x0a;
      case 0x72: // r
        return 0x0d;
      case 0x74: // t
        return 0x09;
      case 0x75: // u
        return this.readHex();
      default:
        this.position--;
        this.unexpected("a known escape");
        return 0;
    }
  }

  private readHex(): i32 {
    let code = 0;
    for (let i = 0; i < 4; i++) {
      const digit = this.position < this.text.length ? hexDigit(this.text.charCodeAt(this.position)) : -1;
      if (digit < 0) {
        this.unexpected("four hexadecimal digits");
        return 0;
      }
      code = (code << 4) | digit;
      this.position++;
    }
    return code;
  }

  readBoolean(): bool {
    if (this.takeWord("true")) return true;
    if (!this.takeWord("false")) this.unexpected("true or false");
    return false;
  }

  /** Takes the letters of `word` if they are next. */
  takeWord(word: string): bool {
    this.peek();
    if (this.failed || this.text.substr(this.position, word.length) != word) return false;
    this.position += word.length;
    return true;
  }
}

function hexDigit(c: i32): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
