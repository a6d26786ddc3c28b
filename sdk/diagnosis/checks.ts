import { currentAccount, storedAccount } from "../account/account.ts";
import { ApiClient } from "../account/api-client.ts";
import { identityOf } from "../account/identity.ts";
import { LANGUAGES } from "../project/languages/languages.ts";
import { checkRequirement } from "../project/languages/requirement.ts";
import { UserError } from "../project/user-error.ts";

export interface Check {
  readonly name: string;
  /** `absent`: not there, and needed only by who wants it. */
  readonly status: "ok" | "absent" | "problem";
  readonly detail: string;
}

/** More than a token's clock may be off before it is refused. */
const MOST_SKEW_MS = 30_000;
const PATIENCE_MS = 5_000;

/** Node as this program needs it, which main.ts has checked. */
export function nodeCheck(version: string): Check {
  return { name: "node", status: "ok", detail: version };
}

/** What each language needs on this machine; TypeScript needs nothing. @param folder  where a project's own tools are looked for */
export async function languageChecks(folder: string): Promise<Check[]> {
  const all = LANGUAGES.map(async ({ title, requirements }): Promise<Check[]> => {
    if (requirements.length === 0) return [{ name: title, status: "ok", detail: "needs nothing beside this package" }];
    return await Promise.all(
      requirements.map(async (requirement): Promise<Check> => {
        const found = await checkRequirement(requirement, folder);
        if ("compiler" in found) {
          const { command, version } = found.compiler;
          return { name: title, status: "ok", detail: `${requirement.name}: ${command} ${version}` };
        }
        return {
          name: title,
          status: "absent",
          detail: `${requirement.name}: ${found.problem}. ${requirement.install}`,
        };
      }),
    );
  });
  return (await Promise.all(all)).flat();
}

/** Whether the local platform of `dev` can run. */
export async function runtimeCheck(): Promise<Check> {
  return await import("miniflare").then(
    (): Check => ({ name: "miniflare", status: "ok", detail: "installed, for `patchbay dev`" }),
    (): Check => ({ name: "miniflare", status: "absent", detail: "not installed: `patchbay dev` says how to" }),
  );
}

/** Login, the platform's version, and whether both clocks agree. */
export async function platformChecks(): Promise<Check[]> {
  try {
    if (!process.env["PATCHBAY_TOKEN"] && !(await storedAccount())) {
      return [{ name: "login", status: "absent", detail: "not logged in: `patchbay login <url>` does that" }];
    }
    const account = await currentAccount();
    const reached = await reach(account.url);
    if (reached.some(({ status }) => status === "problem")) return reached;
    return [...reached, await loginCheck(new ApiClient(account))];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [{ name: "login", status: "problem", detail: error.message }];
  }
}

async function loginCheck(api: ApiClient): Promise<Check> {
  const { tenant, expiresAt } = identityOf(api.account.token);
  await api.request("GET", "/api/plugins?limit=1");
  const until = expiresAt === undefined ? "" : `, until ${new Date(expiresAt).toISOString()}`;
  return { name: "login", status: "ok", detail: `tenant ${tenant ?? "of the token"}${until}` };
}

async function reach(url: string): Promise<Check[]> {
  const before = Date.now();
  const answer = await fetch(`${url}/openapi.json`, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(
    () => undefined,
  ); // told below
  if (!answer?.ok) {
    const found = answer ? `answers ${answer.status}` : "cannot be reached";
    return [{ name: "platform", status: "problem", detail: `${url} ${found}` }];
  }
  const { info } = (await answer.json()) as { readonly info: { readonly version: string } }; // an OpenAPI document
  const platform: Check = { name: "platform", status: "ok", detail: `${url}, version ${info.version}` };
  const sent = Date.parse(answer.headers.get("date") ?? "");
  return Number.isNaN(sent) ? [platform] : [platform, skewCheck(sent, (before + Date.now()) / 2)];
}

/**
 * @param theirs  milliseconds since the epoch, by the platform's clock, which tells whole seconds
 * @param ours    the same moment by ours
 */
export function skewCheck(theirs: number, ours: number): Check {
  const seconds = Math.round((ours - theirs) / 1000);
  if (Math.abs(ours - theirs) <= MOST_SKEW_MS)
    return { name: "clock", status: "ok", detail: `differs by ${Math.abs(seconds)} s` };
  const how = seconds > 0 ? "ahead of" : "behind";
  return {
    name: "clock",
    status: "problem",
    detail: `this machine's is ${Math.abs(seconds)} s ${how} the platform's: tokens may be refused`,
  };
}
