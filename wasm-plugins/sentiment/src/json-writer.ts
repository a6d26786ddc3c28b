/** Writes a JSON text into one growing buffer outside the collector's reach, which `finish` gives back. */
export class JsonWriter {
  private buffer: usize = heap.alloc(4096);
  /** In UTF-16 units. */
  private capacity: i32 = 2048;
  private length: i32 = 0;

  private reserve(units: i32): void {
    if (this.length + units <= this.capacity) return;
    while (this.capacity < this.length + units) this.capacity *= 2;
    this.buffer = heap.realloc(this.buffer, (<usize>this.capacity) << 1);
  }

  private unit(c: i32): void {
    this.reserve(1);
    store<u16>(this.buffer + ((<usize>this.length) << 1), <u16>c);
    this.length++;
  }

  raw(text: string): JsonWriter {
    this.reserve(text.length);
    memory.copy(this.buffer + ((<usize>this.length) << 1), changetype<usize>(text), (<usize>text.length) << 1);
    this.length += text.length;
    return this;
  }

  string(text: string): JsonWriter {
    return this.part(text, 0, text.length);
  }

  /** A string with the units `start` … `end` of `text`. */
  part(text: string, start: i32, end: i32): JsonWriter {
    this.unit(0x22);
    for (let i = start; i < end; i++) {
      const c = text.charCodeAt(i);
      if (c == 0x22 || c == 0x5c) {
        this.unit(0x5c);
        this.unit(c);
      } else if (c < 0x20) {
        this.raw("\\u00");
        this.unit(0x30 + (c >> 4));
        this.unit((c & 15) < 10 ? 0x30 + (c & 15) : 0x57 + (c & 15));
      } else {
        this.unit(c);
      }
    }
    this.unit(0x22);
    return this;
  }

  /** A whole number of 0 or more. */
  integer(value: i32): JsonWriter {
    let divisor = 1;
    while (value / divisor >= 10) divisor *= 10;
    for (; divisor > 0; divisor /= 10) this.unit(0x30 + ((value / divisor) % 10));
    return this;
  }

  /** A number with at most four decimals and a magnitude of at most 1. */
  fraction(value: f64): JsonWriter {
    if (value < 0) this.unit(0x2d);
    const scaled = <i32>Math.round(Math.abs(value) * 10000);
    this.integer(scaled / 10000);
    let rest = scaled % 10000;
    if (rest > 0) this.unit(0x2e);
    for (let divisor = 1000; rest > 0; divisor /= 10) {
      this.unit(0x30 + rest / divisor);
      rest %= divisor;
    }
    return this;
  }

  /** The text as UTF-8, a lone surrogate as U+FFFD. The writer cannot be used afterwards. */
  finish(): ArrayBuffer {
    const bytes = <usize>this.length * 3;
    const encoded = heap.alloc(bytes);
    const size = String.UTF8.encodeUnsafe(this.buffer, this.length, encoded, false, String.UTF8.ErrorMode.REPLACE);
    heap.free(this.buffer);
    const result = new ArrayBuffer(<i32>size);
    memory.copy(changetype<usize>(result), encoded, size);
    heap.free(encoded);
    return result;
  }
}
