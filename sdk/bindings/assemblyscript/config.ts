import { configGet } from "./abi";
import { takeText, writeText } from "./memory";

/** @returns the configuration value of this install, or null where the key is not set */
export function config(key: string): string | null {
  const handle = configGet(writeText(key)); // the host frees the key
  return handle == 0 ? null : takeText(handle);
}
