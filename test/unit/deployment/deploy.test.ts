import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { resourcesOf, secretsIn } from "../../../scripts/deployment/resources.ts";
import { deploy, rehearse, type Deployment } from "../../../scripts/deployment/steps.ts";
import { ROOT } from "../../support/node/source-files.ts";
import { Account } from "./account.ts";

const MIGRATIONS = ["0000_first.sql", "0001_second.sql", "0002_third.sql"];
const CHANGING = /create|apply|^deploy|lifecycle|^POST/;
const BACKUP = "https://plugins.example.com/api/v1/plugins/migration-proof";

/** Deployed before, with all but the last migration. */
function running(applied = 2): Account {
  const account = new Account(MIGRATIONS);
  account.databases = ["patchbay"];
  account.buckets.add("store");
  for (const queue of ["outcomes", "outcomes-dead"]) account.queues.add(queue);
  account.secrets = ["BACKUP_KEYS", "AUTH_ISSUERS"];
  account.applied = MIGRATIONS.slice(0, applied);
  return account;
}

interface Told {
  readonly ok: boolean;
  readonly lines: readonly string[];
  /** What was changed, in order. */
  readonly changes: readonly string[];
}

async function deployIn(account: Account, changes: Partial<Deployment> = {}): Promise<Told> {
  const lines: string[] = [];
  const ok = await deploy(account.deployment(changes), (line) => lines.push(line));
  return { ok, lines, changes: account.log.filter((entry) => CHANGING.test(entry)) };
}

describe("a deploy", () => {
  test("into an empty account makes everything, in this order, and needs no backup", async () => {
    const account = new Account(MIGRATIONS);
    const secretsFile = { path: "/secrets.json", names: ["AUTH_ISSUERS", "BACKUP_KEYS"] };
    const { ok, changes } = await deployIn(account, { secretsFile });
    expect(ok).toBe(true);
    expect(changes).toEqual([
      "d1 create patchbay",
      "r2 bucket create store",
      "r2 bucket lifecycle add store incoming incoming/ --expire-days 1 --abort-multipart-days 1",
      "queues create outcomes",
      "queues create outcomes-dead",
      "d1 migrations apply DB --remote",
      "deploy --secrets-file /secrets.json",
    ]);
    expect(account.log.at(-1)).toBe("GET https://plugins.example.com/readyz");
  });

  test("with nothing to migrate only deploys", async () => {
    expect(await deployIn(running(3))).toMatchObject({ ok: true, changes: ["deploy"] });
  });

  test("has a verified backup before it migrates, and migrates before it deploys", async () => {
    const account = running();
    account.backup = [{ status: "running" }, { status: "written" }, { status: "verified" }];
    account.ready = [503, 503, 200];
    const { ok, lines } = await deployIn(account);
    expect(ok).toBe(true);
    expect(account.log.slice(-9)).toEqual([
      `POST ${BACKUP}/backup Bearer operator`,
      ...[1, 2, 3].map(() => `GET ${BACKUP}/backups/B1 Bearer operator`),
      "d1 migrations apply DB --remote",
      "deploy",
      ...[1, 2, 3].map(() => "GET https://plugins.example.com/readyz"),
    ]);
    expect(lines).toContain("backup: B1 is verified");
    expect(account.waited).toBe(25_000);
  });

  test("that is told no address asks the one that wrangler names", async () => {
    const account = running(3);
    const { platform } = account.deployment();
    await deployIn(account, { platform: { ...platform, url: undefined } });
    expect(account.log.at(-1)).toBe("GET https://patchbay.example.workers.dev/readyz");
  });

  test("begun again after a failure goes on where it was", async () => {
    const account = running();
    account.broken = "deploy";
    expect((await deployIn(account)).ok).toBe(false);
    account.broken = undefined;
    account.log.length = 0;
    expect(await deployIn(account)).toMatchObject({ ok: true, changes: ["deploy"] });
  });
});

describe("a deploy stops, with nothing done after it, where", () => {
  const cases: readonly (readonly [
    what: string,
    prepare: (account: Account) => Partial<Deployment> | void,
    says: string,
    done: string[],
  ])[] = [
    ["a migration is not safe", () => ({ offences: ["migrations/0002: drops a table"] }), "drops a table", []],
    ["nobody is logged in", (account) => void (account.loggedIn = false), "npx wrangler login", []],
    ["the account cannot be read", (account) => void (account.broken = "d1 list"), "fetch failed", []],
    ["a bucket cannot be asked for", (account) => void (account.broken = "r2 bucket info"), "fetch failed", []],
    ["a queue cannot be asked for", (account) => void (account.broken = "queues info"), "fetch failed", []],
    [
      "a queue cannot be made",
      (account) => {
        account.queues.delete("outcomes-dead");
        account.broken = "queues create";
      },
      "queues create outcomes-dead",
      ["queues create outcomes-dead"],
    ],
    ["secrets are missing", (account) => void (account.secrets = ["AUTH_ISSUERS"]), "missing: BACKUP_KEYS", []],
    ["secrets cannot be listed", (account) => void (account.broken = "secret list"), "fetch failed", []],
    ["migrations cannot be listed", (account) => void (account.broken = "d1 migrations list"), "fetch failed", []],
    [
      "nobody is named who asks for the backup",
      (account) => ({ platform: { ...account.deployment().platform, token: undefined } }),
      "PATCHBAY_TOKEN",
      [],
    ],
    [
      "the token is refused",
      (account) => void (account.backupStatus = 401),
      "answered 401",
      [`POST ${BACKUP}/backup Bearer operator`],
    ],
    [
      "the backup fails",
      (account) => void (account.backup = [{ status: "failed", reason: "R2 is away" }]),
      "Nothing was migrated: backup B1 failed: R2 is away",
      [`POST ${BACKUP}/backup Bearer operator`],
    ],
    [
      "the backup does not end",
      (account) => void (account.backup = [{ status: "running" }]),
      "still running after an hour",
      [`POST ${BACKUP}/backup Bearer operator`],
    ],
    [
      "a migration fails",
      (account) => void (account.broken = "d1 migrations apply"),
      "fetch failed",
      [`POST ${BACKUP}/backup Bearer operator`, "d1 migrations apply DB --remote"],
    ],
    [
      "it is not ready",
      (account) => void (account.ready = [503]),
      "says: Missing: database.",
      [`POST ${BACKUP}/backup Bearer operator`, "d1 migrations apply DB --remote", "deploy"],
    ],
  ];

  test.each(cases)("%s", async (_what, prepare, says, done) => {
    const account = running();
    const { ok, lines, changes } = await deployIn(account, prepare(account) ?? {});
    expect(ok).toBe(false);
    expect(lines.at(-1)).toContain(says);
    expect(changes).toEqual(done);
  });

  test("--without-backup goes on without one, and says so", async () => {
    const account = running();
    account.backupStatus = 500;
    const { ok, lines, changes } = await deployIn(account, { withoutBackup: true });
    expect([ok, changes]).toEqual([true, ["d1 migrations apply DB --remote", "deploy"]]);
    expect(lines).toContain("backup: left out, although 1 migrations are pending");
  });

  test.each([
    ["0001_second.sql", true],
    ["0002_third.sql", false],
    [undefined, false],
  ])("a contract's release ends with %s", async (last, ok) => {
    const account = running();
    const contract = "-- contract drop-table t, unused since 0.3.0: rows are in another table\nDROP TABLE t;";
    const migrations = MIGRATIONS.map((name, index) => ({ name, sql: index === 2 ? contract : "SELECT 1;" }));
    const told = await deployIn(account, { migrations, lastMigrationOf: () => last });
    expect(told.ok).toBe(ok);
    if (!ok) expect(told.lines.at(-1)).toContain("release 0.3.0");
  });
});

describe("a dry run", () => {
  test("names every command that a deploy may run", async () => {
    const account = new Account(MIGRATIONS);
    const secretsFile = { path: "/secrets.json", names: ["AUTH_ISSUERS", "BACKUP_KEYS"] };
    const lines: string[] = [];
    rehearse(account.deployment({ secretsFile }), (line) => lines.push(line.trim()));
    expect(account.log).toEqual([]);
    await deployIn(account, { secretsFile });
    const commands = account.log.filter((entry) => !entry.startsWith("GET"));
    expect(commands.filter((command) => !lines.includes(`wrangler ${command}`))).toEqual([]);
  });

  test("of this repository needs no account", async () => {
    const { CLOUDFLARE_API_TOKEN: _token, ...env } = process.env;
    const { stderr } = await promisify(execFile)(process.execPath, ["scripts/deploy.ts", "--dry-run"], {
      cwd: ROOT,
      env,
    });
    for (const line of [
      "wrangler d1 create patchbay",
      "wrangler r2 bucket create patchbay-store",
      "wrangler queues create patchbay-outcomes-dead",
      "wrangler d1 migrations apply DB --remote",
      "POST /api/v1/plugins/migration-proof/backup",
      "wrangler deploy",
      "GET /readyz",
    ])
      expect(stderr).toContain(line);
  });
});

describe("what is read", () => {
  test("resources of a configuration, each once", () => {
    const config = {
      d1_databases: [{ binding: "DB", database_name: "patchbay" }],
      r2_buckets: [{ bucket_name: "store" }],
      queues: { producers: [{ queue: "a" }], consumers: [{ queue: "a" }, { queue: "b" }] },
    };
    expect(resourcesOf(config)).toEqual({
      database: { binding: "DB", name: "patchbay" },
      buckets: ["store"],
      queues: ["a", "b"],
      secrets: [],
    });
    expect(() => resourcesOf({ ...config, d1_databases: [] })).toThrow("names no database");
  });

  test.each([
    ["secrets.json", '{ "A": "1", "B": "{}" }'],
    ["secrets.env", "A=1\nB='{}'\n"],
  ])("names of secrets in %s", async (name, text) => {
    const folder = await mkdtemp(path.join(tmpdir(), "patchbay-secrets-"));
    try {
      await writeFile(path.join(folder, name), text);
      expect(secretsIn(path.join(folder, name))).toEqual(["A", "B"]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
