import { PlatformError } from "../contract/errors.ts";
import { UserError } from "../project/user-error.ts";

export const EXIT = { success: 0, failure: 1, usage: 2 } as const;

export interface OutputOptions {
  readonly json?: boolean;
}

/** A result: as JSON alone on the standard output, or as lines for people. */
export function show(result: object, lines: readonly string[], { json = false }: OutputOptions): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${lines.join("\n")}\n`);
}

/** Two columns. */
export function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

/** A table; all columns but the first are numbers, and end where their heads do. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_head, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

export function sizeText(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`;
}

/** An author's mistake is a sentence; a stack is for what we did not foresee. */
export function reportError(error: unknown, { json = false }: OutputOptions): void {
  const told = error instanceof PlatformError ? new UserError(`${error.code}: ${error.message}`) : error;
  if (!(told instanceof UserError)) throw told;
  const { message, detail } = told;
  if (json) process.stdout.write(`${JSON.stringify({ error: message, ...(detail ? { detail } : {}) })}\n`);
  else process.stderr.write(`error: ${message}\n${detail ? `${indented(detail)}\n` : ""}`);
  process.exitCode = EXIT.failure;
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "  ");
}
