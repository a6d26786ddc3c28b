import { compileString } from "assemblyscript/asc";

/** Small programs with different habits: each exports one function that takes a size and answers a checksum. */
const SOURCE = `
export function fib(n: i32): i32 { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

export function sieve(n: i32): i32 {
  const composite = new Uint8Array(n);
  let primes = 0;
  for (let i = 2; i < n; i++) {
    if (composite[i]) continue;
    primes++;
    for (let j = 2 * i; j < n; j += i) composite[j] = 1;
  }
  return primes;
}

export function matmul(n: i32): i32 {
  const a = new StaticArray<f64>(n * n), b = new StaticArray<f64>(n * n), c = new StaticArray<f64>(n * n);
  for (let i = 0; i < n * n; i++) { unchecked(a[i] = i % 7); unchecked(b[i] = i % 5); }
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0.0;
      for (let k = 0; k < n; k++) sum += unchecked(a[i * n + k]) * unchecked(b[k * n + j]);
      unchecked(c[i * n + j] = sum);
    }
  return <i32>unchecked(c[n + 1]);
}

export function crc32(n: i32): i32 {
  const table = new StaticArray<u32>(256);
  for (let i: u32 = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    unchecked(table[i] = c);
  }
  let crc: u32 = 0xffffffff;
  for (let i = 0; i < n; i++) crc = unchecked(table[(crc ^ i) & 0xff]) ^ (crc >>> 8);
  return ~crc;
}

export function sort(n: i32): i32 {
  const values = new Array<i32>(n);
  let seed: u32 = 1;
  for (let i = 0; i < n; i++) { seed = seed * 1664525 + 1013904223; values[i] = seed >>> 8; }
  values.sort((x, y) => x - y);
  return values[n / 2];
}

export function machine(n: i32): i32 {
  const code: StaticArray<u8> = [0, 1, 2, 3, 1, 4, 5, 2, 0, 3, 6];
  let at = 0, a = 1, b = 7, steps = 0;
  while (steps < n) {
    steps++;
    switch (unchecked(code[at])) {
      case 0: a += b; at++; break;
      case 1: b ^= a; at++; break;
      case 2: a = a << 1 | a >>> 31; at++; break;
      case 3: b -= 3; at++; break;
      case 4: if (a & 1) at += 2; else at++; break;
      case 5: a = a * 31 + 1; at++; break;
      default: at = 0;
    }
  }
  return a ^ b;
}

export function words(n: i32): i32 {
  const counts = new Map<string, i32>();
  for (let i = 0; i < n; i++) {
    const word = "w" + (i % 97).toString();
    counts.set(word, (counts.has(word) ? counts.get(word) : 0) + i);
  }
  return counts.get("w13");
}

export function mandelbrot(n: i32): i32 {
  let inside = 0;
  for (let y = 0; y < n; y++)
    for (let x = 0; x < n; x++) {
      const cr = 3.0 * x / n - 2.0, ci = 2.0 * y / n - 1.0;
      let zr = 0.0, zi = 0.0, i = 0;
      while (i < 50 && zr * zr + zi * zi < 4.0) { const t = zr * zr - zi * zi + cr; zi = 2.0 * zr * zi + ci; zr = t; i++; }
      if (i == 50) inside++;
    }
  return inside;
}
`;

/** Each kernel with the size that takes some milliseconds. */
export const KERNELS: Readonly<Record<string, number>> = {
  fib: 27,
  sieve: 1_000_000,
  matmul: 120,
  crc32: 3_000_000,
  sort: 40_000,
  machine: 2_000_000,
  words: 30_000,
  mandelbrot: 220,
};

export async function compileKernels(): Promise<Uint8Array<ArrayBuffer>> {
  const { binary, error } = await compileString(SOURCE, {
    optimizeLevel: 3,
    shrinkLevel: 0,
    runtime: "incremental",
  });
  if (binary === null) throw error ?? new Error("the kernels do not compile");
  return Uint8Array.from(binary);
}
