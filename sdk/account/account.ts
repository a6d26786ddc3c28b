import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import * as v from "valibot";
import { UserError } from "../project/user-error.ts";
import { configFolder } from "./config-folder.ts";
import { writePrivate } from "./private-file.ts";

const Account = v.object({ url: v.string(), token: v.string() });

/** A platform, and the token or API key that opens it. */
export type Account = Readonly<v.InferOutput<typeof Account>>;

function accountFile(): string {
  return path.join(configFolder(), "account.json");
}

/** @throws {UserError} for a file that is not what {@link storeAccount} writes */
export async function storedAccount(): Promise<Account | undefined> {
  const file = accountFile();
  if (!existsSync(file)) return undefined;
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), Account), await readFile(file, "utf8"));
  if (result.success) return result.output;
  throw new UserError(`${file} cannot be read: \`patchbay login\` writes it anew.`);
}

/** @returns the file, which holds a secret and which its owner alone can read */
export async function storeAccount(account: Account): Promise<string> {
  await writePrivate(accountFile(), `${JSON.stringify(account)}\n`);
  return accountFile();
}

/** @returns false where there was none */
export async function removeAccount(): Promise<boolean> {
  if (!existsSync(accountFile())) return false;
  await rm(accountFile());
  return true;
}

/**
 * The account that a command uses: `PATCHBAY_URL` and `PATCHBAY_TOKEN`, else what was logged in to.
 *
 * @param url  of the command line, before everything else
 * @throws {UserError} where there is none
 */
export async function currentAccount(url?: string, environment: NodeJS.ProcessEnv = process.env): Promise<Account> {
  const stored = await storedAccount();
  const chosen = url ?? environment["PATCHBAY_URL"] ?? stored?.url;
  if (chosen === undefined) throw new UserError("You are not logged in: `patchbay login <url>` does that.");
  const origin = originOf(chosen);
  // A token is never sent to another platform than the one that it was given for.
  const token = environment["PATCHBAY_TOKEN"] ?? (stored?.url === origin ? stored.token : undefined);
  if (token === undefined)
    throw new UserError(`You are not logged in to ${origin}: \`patchbay login ${origin}\` does that.`);
  return { url: origin, token };
}

/** @throws {UserError} for what is no URL, and for one that would send a token unencrypted over a network */
export function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") {
    throw new UserError(`"${text}" is no URL of a platform, such as https://patchbay.example.com.`);
  }
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "http:" && !local) {
    throw new UserError(`${url.origin} is not encrypted: use https, or http on this machine only.`);
  }
  return url.origin;
}
