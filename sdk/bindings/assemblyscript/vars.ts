import { freeBlock, varGet, varSet } from "./abi";
import { readBytes, takeText, writeBytes, writeText } from "./memory";

/** @returns the variable as bytes, or null where it is not set */
export function varBytes(name: string): ArrayBuffer | null {
  const handle = varGet(writeText(name)); // the host frees the name
  if (handle == 0) return null;
  const bytes = readBytes(handle);
  freeBlock(handle);
  return bytes;
}

/** @returns the variable as text, or null where it is not set */
export function varText(name: string): string | null {
  const handle = varGet(writeText(name));
  return handle == 0 ? null : takeText(handle);
}

/** Stores bytes under a name. An empty value removes the variable: the ABI has no empty blocks. */
export function setVarBytes(name: string, value: ArrayBuffer): void {
  varSet(writeText(name), writeBytes(value)); // the host frees both
}

/** Stores text as UTF-8 under a name; an empty text removes the variable. */
export function setVarText(name: string, value: string): void {
  varSet(writeText(name), writeText(value));
}

export function deleteVar(name: string): void {
  varSet(writeText(name), 0);
}
