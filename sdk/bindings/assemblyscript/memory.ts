import { allocBlock, blockLength, freeBlock, loadU64, loadU8, storeU64, storeU8 } from "./abi";

/**
 * Copies between the plugin's memory and blocks of host memory. A handle is the address of a block's first byte; 0 is
 * "no block". Who frees a handle is said where it is passed on: blocks made here belong to the plugin until then.
 */

/** Copies `bytes` bytes from `pointer` into a new block. @returns its handle; 0 for an empty block */
export function writeBlock(pointer: usize, bytes: usize): u64 {
  if (bytes == 0) return 0;
  const handle = allocBlock(<u64>bytes);
  if (handle == 0) throw new Error("the host has no memory left for " + bytes.toString() + " bytes");
  const words = bytes & ~(<usize>7);
  let i: usize = 0;
  for (; i < words; i += 8) storeU64(handle + <u64>i, load<u64>(pointer + i));
  for (; i < bytes; i++) storeU8(handle + <u64>i, <u32>load<u8>(pointer + i));
  return handle;
}

/** @returns the handle of a new block with `buffer`'s bytes; 0 for an empty buffer */
export function writeBytes(buffer: ArrayBuffer): u64 {
  return writeBlock(changetype<usize>(buffer), <usize>buffer.byteLength);
}

/** Encodes as UTF-8; the block's length is the count of encoded bytes. A lone surrogate becomes U+FFFD. */
export function writeText(text: string): u64 {
  return writeBytes(encodeText(text));
}

/** UTF-8 without a terminator; a lone surrogate becomes U+FFFD. */
export function encodeText(text: string): ArrayBuffer {
  return String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE);
}

/** Copies a whole block into the plugin's memory. The caller still owns the handle. */
export function readBytes(handle: u64): ArrayBuffer {
  const bytes = <usize>blockLength(handle);
  const buffer = new ArrayBuffer(<i32>bytes);
  const pointer = changetype<usize>(buffer);
  const words = bytes & ~(<usize>7);
  let i: usize = 0;
  for (; i < words; i += 8) store<u64>(pointer + i, loadU64(handle + <u64>i));
  for (; i < bytes; i++) store<u8>(pointer + i, <u8>loadU8(handle + <u64>i));
  return buffer;
}

/** Reads a block as UTF-8 and frees it: for handles that the host gave to the plugin. */
export function takeText(handle: u64): string {
  const text = String.UTF8.decode(readBytes(handle));
  freeBlock(handle);
  return text;
}
