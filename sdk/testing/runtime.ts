import { createHash } from "node:crypto";
import v8 from "node:v8";
import vm from "node:vm";

interface Suspension {
  Suspending?: unknown;
  promising?: unknown;
}

/**
 * Makes what the platform's runtime has and this version of Node may not have available.
 */
export function enableRuntime(): void {
  enableSuspension();
  enableByteEncodings();
  define(globalThis, "FixedLengthStream", FixedLengthStream);
  define(globalThis.crypto, "DigestStream", DigestStream);
}

/** The runtime's stream of a known length, which nothing in this process has to know. */
class FixedLengthStream extends TransformStream<Uint8Array, Uint8Array> {
  // oxlint-disable-next-line no-useless-constructor -- the length must not go on to the class above
  constructor() {
    super();
  }
}

/** The runtime's stream that digests what is written to it, in SHA-256. */
class DigestStream extends WritableStream<Uint8Array> {
  readonly digest: Promise<ArrayBuffer>;

  constructor() {
    const hash = createHash("sha256");
    const { promise, resolve, reject } = Promise.withResolvers<ArrayBuffer>();
    super({
      write: (piece) => void hash.update(piece),
      close: () => resolve(new Uint8Array(hash.digest()).buffer),
      abort: (reason: unknown) => reject(reason),
    });
    this.digest = promise;
  }
}

/** ECMAScript 2026, Uint8Array to and from Base64. */
function enableByteEncodings(): void {
  if ("toBase64" in Uint8Array.prototype) return;
  for (const encoding of ["base64", "hex"] as const) {
    const suffix = encoding === "hex" ? "Hex" : "Base64";
    define(Uint8Array.prototype, `to${suffix}`, function encode(this: Uint8Array): string {
      return Buffer.from(this.buffer, this.byteOffset, this.byteLength).toString(encoding);
    });
    define(Uint8Array, `from${suffix}`, (text: string) => new Uint8Array(Buffer.from(text, encoding)));
  }
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

/**
 * JavaScript Promise Integration Promise Integration available where this version of Node keeps it behind a flag: a plugin that waits for the host
 * is suspended with it, in production too. What a flag adds shows in realms that begin after it is set.
 */
function enableSuspension(): void {
  const own = WebAssembly as Suspension; // its types do not know these yet
  if (own.Suspending !== undefined) return;
  v8.setFlagsFromString("--experimental-wasm-jspi");
  const fresh = vm.runInNewContext("WebAssembly") as Suspension;
  if (fresh.Suspending === undefined) {
    throw new Error(`Node ${process.version} cannot suspend WebAssembly; Node 22.12 and later can.`);
  }
  own.Suspending = fresh.Suspending;
  own.promising = fresh.promising;
}
