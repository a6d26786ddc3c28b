import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { UserError } from "../project/user-error.ts";

/**
 * A secret: what is piped in, else what somebody types, without showing it.
 *
 * @throws {UserError} where nothing was given
 */
export async function readSecret(question: string): Promise<string> {
  const secret = (process.stdin.isTTY ? await askHidden(question) : await text(process.stdin)).trim();
  if (secret === "") throw new UserError("Nothing was given: type it, or pipe it in.");
  return secret;
}

async function askHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: unseen, terminal: true });
  try {
    return await reader.question("");
  } finally {
    reader.close();
    process.stderr.write("\n");
  }
}

/** @returns true for a yes; false without asking where nobody can answer */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `)).trim());
  } finally {
    reader.close();
  }
}
