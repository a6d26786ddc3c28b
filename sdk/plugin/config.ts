import { host } from "./host.ts";

/** A setting as text, undefined where there is none. Any Extism host has these. */
export function configText(name: string): string | undefined {
  return host.config(name) ?? undefined;
}

/** A setting as the configuration's schema has it: text stays text, everything else is parsed. */
export function configValue(name: string): unknown {
  const text = configText(name);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text; // not JSON: a setting of text
  }
}
