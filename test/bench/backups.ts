import { localApi, type LocalApi } from "../../scripts/bootstrap.ts";
import { PLATFORM_TENANT } from "../../sdk/contract/identifiers.ts";
import { moduleWithData } from "./modules.ts";
import type { BenchPlatform } from "./platform.ts";
import type { Figure } from "./statistics.ts";

/** Installs whose bytes in a backup are counted. */
const INSTALLS = 30;
/** Calls whose records make the history. */
const CALLS = 3_000;
const CALLERS = 10;
const MIB = 1024 * 1024;
/** Of a module whose bytes do not compress; a backup copies it as uploaded and as it runs. */
const MODULE_MIB = 24;
const WAIT_MS = 300_000;
const PROOF = "/api/v1/plugins/migration-proof";

interface Backup {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly verifiedAt: number;
  readonly bytes: number;
  readonly counts: { readonly rows: number; readonly installs: number; readonly newBlobs: number };
}

interface Restore extends Pick<Backup, "id" | "status" | "reason" | "startedAt" | "finishedAt" | "counts"> {
  readonly safetyBackupId: string;
}

/**
 * Backups and a restore of the whole system over HTTP, as an operator makes them; times are those of their rows. The system is backed
 * up before and after a module is there, before and after plugins are installed, and with a history of calls, so that each figure is a
 * difference of two backups of one run.
 */
export async function backups(platform: BenchPlatform, echo: Uint8Array): Promise<Figure[]> {
  const admin = await localApi(platform.url, platform.key, PLATFORM_TENANT);
  await backUp(admin);
  await platform.install("demo.copied", moduleWithData(MODULE_MIB * MIB, 11));
  const copied = await backUp(admin);
  const again = await backUp(admin);
  for (let at = 0; at < INSTALLS; at++) await platform.install(`demo.kept-${at}`, echo);
  const installed = await backUp(admin);
  await callMany(platform);
  const full = await backUp(admin);
  const { restore, safety } = await restoreAll(admin, full.id);
  const copiedMs = taken(copied) - taken(again);
  const restoredMs = restore.finishedAt - safety.finishedAt;
  return [
    {
      name: "backup, packages copied",
      found: (2 * MODULE_MIB) / (copiedMs / 1_000),
      unit: "MB/s",
      note: `${copied.counts.newBlobs} new objects in ${copiedMs} ms more than the next backup, which copied ${again.counts.newBlobs}`,
    },
    {
      name: "backup of rows and installs, nothing to copy",
      found: full.counts.rows / (taken(full) / 1_000),
      unit: "rows/s",
      note: `${full.counts.rows} rows and the objects of ${full.counts.installs} installs in ${taken(full)} ms; its trial took ${full.verifiedAt - full.finishedAt} ms`,
    },
    {
      name: "restore, rows",
      found: restore.counts.rows / (restoredMs / 1_000),
      unit: "rows/s",
      note: `${restore.counts.rows} rows and ${restore.counts.installs} installs in ${restoredMs} ms, after the backup before it`,
    },
    {
      name: "restore against the backup that it restores",
      found: restoredMs / taken(full),
      unit: "x",
      note: `${restoredMs} ms against ${taken(full)} ms`,
    },
    {
      name: "bytes of an install in a backup",
      found: (installed.bytes - again.bytes) / (installed.counts.installs - again.counts.installs) / 1_000,
      unit: "KB",
      note: `with its plugin's rows, sealed; ${installed.counts.newBlobs} new copies of packages, whose module others have`,
    },
    {
      name: "bytes of a backup in which nothing is new",
      found: again.bytes / 1_000,
      unit: "KB",
      note: `the one before copied ${2 * MODULE_MIB} MiB beside its ${(copied.bytes / 1_000).toFixed(1)} KB; ${again.counts.rows} rows`,
    },
  ];
}

function taken({ startedAt, finishedAt }: Pick<Backup, "startedAt" | "finishedAt">): number {
  return finishedAt - startedAt;
}

async function backUp(admin: LocalApi): Promise<Backup> {
  const { id } = await answerOf<Backup>(admin.call("POST", `${PROOF}/backup`, {}), 202);
  return ended<Backup>(admin, `${PROOF}/backups/${id}`, "verified");
}

async function restoreAll(admin: LocalApi, backup: string) {
  const body = { backup, scope: { kind: "system" } };
  const { confirmation } = await answerOf<{ confirmation: string }>(admin.call("POST", `${PROOF}/restore`, body), 200);
  const begun = await answerOf<Restore>(admin.call("POST", `${PROOF}/restore`, { ...body, confirmation }), 202);
  const restore = await ended<Restore>(admin, `${PROOF}/restores/${begun.id}`, "completed");
  return {
    restore,
    safety: await answerOf<Backup>(admin.call("GET", `${PROOF}/backups/${restore.safetyBackupId}`), 200),
  };
}

async function ended<T extends Pick<Backup, "status" | "reason">>(
  admin: LocalApi,
  path: string,
  status: string,
): Promise<T> {
  for (const until = Date.now() + WAIT_MS; Date.now() < until;) {
    const found = await answerOf<T>(admin.call("GET", path), 200);
    if (found.status === status) return found;
    if (found.status === "failed") throw new Error(`${path} failed: ${found.reason}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${path} is not ${status} after ${WAIT_MS / 1_000} s`);
}

async function callMany({ url, token }: BenchPlatform): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "text/plain" };
  const call = async (): Promise<void> => {
    for (let at = 0; at < CALLS / CALLERS; at++) {
      const answer = await fetch(`${url}/api/plugins/demo.echo/execute`, { method: "POST", headers, body: "x" });
      if (answer.status !== 200) throw new Error(`HTTP ${answer.status} ${await answer.text()}`);
      await answer.body?.cancel();
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  // Records are stored behind the answers.
  await new Promise((resolve) => setTimeout(resolve, 5_000));
}

async function answerOf<T>(asked: Promise<Response>, status: number): Promise<T> {
  const answer = await asked;
  const text = await answer.text();
  if (answer.status !== status) throw new Error(`HTTP ${answer.status} ${text}`);
  return JSON.parse(text) as T; // our own API
}
