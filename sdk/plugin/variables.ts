import { host } from "./host.ts";
import { bytesToText } from "./text.ts";

/** Extism's variables: kept within a call, and beyond it where the install keeps them. */
export const variables = {
  get(name: string): Uint8Array<ArrayBuffer> | undefined {
    return host.variable(name) ?? undefined;
  },

  getText(name: string): string | undefined {
    const bytes = host.variable(name);
    return bytes ? bytesToText(bytes) : undefined;
  },

  set(name: string, value: string | Uint8Array): void {
    host.setVariable(name, value);
  },

  delete(name: string): void {
    host.setVariable(name, null);
  },
};
