import type { Deployment } from "../../../scripts/deployment/steps.ts";
import type { Ended } from "../../../scripts/deployment/wrangler.ts";

/** An account as wrangler shows it, and a deployment in it as HTTP shows it. */
export class Account {
  loggedIn = true;
  databases: string[] = [];
  readonly buckets = new Set<string>();
  readonly queues = new Set<string>();
  /** Undefined: the worker was never deployed. */
  secrets: string[] | undefined;
  applied: string[] = [];
  /** What became of a backup, one answer after the other; the last one stays. */
  backup: readonly { readonly status: string; readonly reason?: string }[] = [{ status: "verified" }];
  backupStatus = 202;
  ready: readonly number[] = [200];
  /** Everything that was done, in order. */
  readonly log: string[] = [];
  /** A command that begins so fails, as where the network is away. */
  broken: string | undefined;
  readonly migrations: readonly string[];
  waited = 0;

  constructor(migrations: readonly string[]) {
    this.migrations = migrations;
  }

  readonly wrangler = (args: readonly string[]): Promise<Ended> => {
    const command = args.join(" ");
    this.log.push(command);
    if (this.broken !== undefined && command.startsWith(this.broken)) return ended(1, "fetch failed");
    const [first, second, third, fourth = ""] = args;
    if (first === "whoami") return ended(this.loggedIn ? 0 : 1, "{}");
    if (command === "d1 list --json") return ended(0, JSON.stringify(this.databases.map((name) => ({ name }))));
    if (first === "d1" && second === "create") return this.#made(() => this.databases.push(third ?? ""));
    if (command.startsWith("r2 bucket info"))
      return found(this.buckets.has(fourth), "The specified bucket does not exist. [code: 10006]");
    if (command.startsWith("r2 bucket create")) return this.#made(() => this.buckets.add(fourth));
    if (command.startsWith("r2 bucket lifecycle")) return ended(0, "");
    if (command.startsWith("queues info"))
      return found(this.queues.has(third ?? ""), `Queue "${third}" does not exist.`);
    if (command.startsWith("queues create")) return this.#made(() => this.queues.add(third ?? ""));
    if (first === "secret") {
      if (!this.secrets) return ended(1, 'Worker "patchbay" not found.');
      return ended(0, JSON.stringify(this.secrets.map((name) => ({ name, type: "secret_text" }))));
    }
    if (command.startsWith("d1 migrations list")) return ended(0, `│ ${this.#pending().join(" │\n│ ")} │`);
    if (command.startsWith("d1 migrations apply")) return this.#made(() => (this.applied = [...this.migrations]));
    if (first === "deploy") return ended(0, "Deployed patchbay\n  https://patchbay.example.workers.dev\n");
    return ended(1, `unknown command ${command}`);
  };

  readonly fetch = (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const { pathname, origin } = new URL(url instanceof Request ? url.url : url);
    this.log.push(
      `${init?.method ?? "GET"} ${origin}${pathname} ${new Headers(init?.headers).get("authorization") ?? ""}`.trim(),
    );
    if (pathname === "/readyz") return Promise.resolve(this.#readiness());
    if (this.backupStatus >= 400) return Promise.resolve(Response.json({ code: "NO" }, { status: this.backupStatus }));
    const [next = { status: "verified" }, ...rest] = this.backup;
    if (init?.method === "POST")
      return Promise.resolve(Response.json({ id: "B1", status: "running" }, { status: 202 }));
    if (rest.length > 0) this.backup = rest;
    return Promise.resolve(Response.json({ id: "B1", reason: null, ...next }));
  };

  /** A deployment that is done in this account. */
  deployment(changes: Partial<Deployment> = {}): Deployment {
    return {
      wrangler: this.wrangler,
      resources: {
        database: { binding: "DB", name: "patchbay" },
        buckets: ["store"],
        queues: ["outcomes", "outcomes-dead"],
        secrets: ["AUTH_ISSUERS", "BACKUP_KEYS"],
      },
      migrations: this.migrations.map((name) => ({ name, sql: "CREATE TABLE t (id text);" })),
      offences: [],
      lastMigrationOf: () => undefined,
      platform: { url: "https://plugins.example.com", token: "operator", fetch: this.fetch, pause: this.#pause },
      withoutBackup: false,
      secretsFile: undefined,
      ...changes,
    };
  }

  readonly #pause = (milliseconds: number): Promise<void> => {
    this.waited += milliseconds;
    return Promise.resolve();
  };

  #pending(): readonly string[] {
    return this.migrations.filter((name) => !this.applied.includes(name));
  }

  #made(make: () => unknown): Promise<Ended> {
    make();
    return ended(0, "");
  }

  #readiness(): Response {
    const [status = 200, ...rest] = this.ready;
    if (rest.length > 0) this.ready = rest;
    return Response.json(status === 200 ? { status: "ready" } : { detail: "Missing: database." }, { status });
  }
}

function ended(code: number, output: string): Promise<Ended> {
  return Promise.resolve({ code, stdout: output, output });
}

function found(isThere: boolean, otherwise: string): Promise<Ended> {
  return isThere ? ended(0, "") : ended(1, otherwise);
}
