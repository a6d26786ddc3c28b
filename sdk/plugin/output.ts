import { host } from "./host.ts";

/** What a function may return: text and bytes as they are, anything else as JSON, nothing as no output. */
export type Output = unknown;

export function setOutput(value: Output): void {
  if (value === undefined) return;
  host.output(typeof value === "string" || value instanceof Uint8Array ? value : JSON.stringify(value));
}

/** The same, where the other side expects JSON whatever it is. */
export function setJsonOutput(value: unknown): void {
  if (value !== undefined) host.output(JSON.stringify(value));
}
