/** What is asked of the deployment that runs: a backup, and whether it is ready. */
export interface Platform {
  readonly url: string;
  /** Of an admin of the platform's tenant; absent: nothing but readiness can be asked. */
  readonly token: string | undefined;
  readonly fetch: typeof fetch;
  /** Waits between two questions. */
  pause(milliseconds: number): Promise<void>;
}

export const BACKUPS = "/api/v1/plugins/migration-proof";
const POLL_MS = 5_000;
/** An hour: a backup of everything, and its trial restore. */
const MOST_POLLS = 720;
const MOST_READY_POLLS = 24;

interface BackupAnswer {
  readonly id: string;
  readonly status: "running" | "written" | "verified" | "failed";
  readonly reason: string | null;
}

/**
 * Lets the running deployment make a backup of everything, and waits until a trial restore has shown that it is whole.
 *
 * @returns the backup's id
 * @throws {Error} saying what failed
 */
export async function backUp(platform: Platform): Promise<string> {
  let backup = await ask(platform, "POST", `${BACKUPS}/backup`, { trigger: "migration" });
  for (let polls = 0; backup.status === "running" || backup.status === "written"; polls++) {
    if (polls === MOST_POLLS) throw new Error(`backup ${backup.id} is still ${backup.status} after an hour`);
    await platform.pause(POLL_MS);
    backup = await ask(platform, "GET", `${BACKUPS}/backups/${backup.id}`);
  }
  if (backup.status === "failed") throw new Error(`backup ${backup.id} failed: ${backup.reason ?? "no reason given"}`);
  return backup.id;
}

async function ask(
  { url, token, fetch: send }: Platform,
  method: string,
  path: string,
  body?: unknown,
): Promise<BackupAnswer> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await send(url + path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  if (answer.ok) return (await answer.json()) as BackupAnswer; // the contract of both routes
  throw new Error(`${method} ${url}${path} answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
}

/** @returns what is missing after two minutes; undefined where the deployment is ready */
export async function whyNotReady({ url, fetch: send, pause }: Omit<Platform, "token">): Promise<string | undefined> {
  let why: string | undefined;
  for (let polls = 0; polls < MOST_READY_POLLS; polls++) {
    if (polls > 0) await pause(POLL_MS);
    try {
      const answer = await send(`${url}/readyz`);
      if (answer.ok) return undefined;
      const { detail } = (await answer.json().catch(() => ({}))) as { detail?: string }; // a problem document
      why = detail ?? `HTTP ${answer.status}`;
    } catch (error) {
      why = String(error);
    }
  }
  return why;
}
