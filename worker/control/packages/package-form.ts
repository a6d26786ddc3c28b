/**
 * The package that a bare module and its manifest stand for: a description with the manifest as it was written and the
 * module by its digest. The module itself is stored once, under that digest; the same two files always give the same
 * package, and any archive of them can be made again from it.
 */

const FORMAT = "patchbay-package/1";

/**
 * @param manifest      bytes of the manifest, UTF-8
 * @param moduleDigest  SHA-256 of the module, hexadecimal
 * @returns the description's bytes; their SHA-256 is the package's digest
 */
export function describeBarePackage(manifest: Uint8Array, moduleDigest: string): Uint8Array {
  const text = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(manifest);
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, manifest: text, module: moduleDigest }));
}
