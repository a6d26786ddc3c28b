import { currentAccount, originOf, removeAccount, storeAccount, type Account } from "../../account/account.ts";
import { ApiClient, ApiError } from "../../account/api-client.ts";
import { identityOf, type Identity } from "../../account/identity.ts";
import { show, table, type OutputOptions } from "../output.ts";
import { readSecret } from "../prompt.ts";

export interface WhoamiOptions extends OutputOptions {
  readonly url?: string;
}

/** Takes a token or an API key, shows it to the platform, and keeps it where only its owner reads it. */
export async function login(url: string, options: OutputOptions): Promise<void> {
  const origin = originOf(url);
  const token = process.env["PATCHBAY_TOKEN"] ?? (await readSecret(`Token or API key for ${origin}: `));
  const account = { url: origin, token };
  await proveAccount(account);
  const file = await storeAccount(account);
  const identity = identityOf(token);
  show(
    { url: origin, ...identity, file },
    [`Logged in to ${origin} as ${nameOf(identity)}.`, `Kept in ${file}.`],
    options,
  );
}

export async function logout(options: OutputOptions): Promise<void> {
  const removed = await removeAccount();
  show({ removed }, [removed ? "Logged out." : "Nobody was logged in."], options);
}

/** Says who the platform takes this program for. */
export async function whoami(options: WhoamiOptions): Promise<void> {
  const account = await currentAccount(options.url);
  await proveAccount(account);
  const identity = identityOf(account.token);
  const { expiresAt, ...said } = identity;
  show(
    { url: account.url, ...identity },
    table([
      ["platform", account.url],
      ["tenant", said.tenant ?? "as the token says"],
      ["subject", said.subject ?? "as the token says"],
      ["roles", said.roles.join(", ") || "those of the API key"],
      ["expires", expiresAt === undefined ? "as the platform says" : new Date(expiresAt).toISOString()],
    ]),
    options,
  );
}

/**
 * @throws {ApiError} where the platform does not take the token; one that may do something else than read is taken
 */
async function proveAccount(account: Account): Promise<void> {
  try {
    await new ApiClient(account).request("GET", "/api/plugins?limit=1");
  } catch (error) {
    if (!(error instanceof ApiError) || error.problem.status !== 403) throw error;
  }
}

function nameOf({ kind, tenant, subject }: Identity): string {
  const name = subject ?? "its bearer";
  return `${kind === "API key" ? `API key ${name}` : name}${tenant === undefined ? "" : ` of tenant ${tenant}`}`;
}
