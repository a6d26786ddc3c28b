import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import {
  insertBackup,
  getBackup,
  getRestore,
  type Backup,
  type Restore,
} from "../../../worker/control/backups/store.ts";
import { newBackup } from "../../../worker/control/backups/actions/manage.ts";
import { advance, type Run } from "../../../worker/control/backups/actions/run.ts";
import type { Scope } from "../../../worker/control/backups/table-rules.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import type { Clock } from "../../../worker/lib/clock.ts";

/** Runs taken step by step by the test itself; what would be launched is only written down. */
export const launched: Run[] = [];

export const clock: Clock & { skip: number } = { skip: 0, now: () => Date.now() + clock.skip };

/** Dependencies of a worker that has just begun: nothing is remembered between two steps. */
export function backupDeps(changes: Partial<Env> = {}): Deps {
  const runs = { create: ({ params }: { params: Run }) => Promise.resolve(void launched.push(params)) };
  const bindings = { ...env, BACKUP_RUNS: runs, ...changes } as unknown as Env; // a Workflow that only writes down
  return createDeps(bindings, createExecutionContext(), clock, createResident());
}

/** @returns how many steps it took */
export async function finish(run: Run, changes: Partial<Env> = {}): Promise<number> {
  for (let steps = 1; steps < 1_000; steps++) if (await advance(backupDeps(changes), run)) return steps;
  throw new Error("The run does not end.");
}

export async function begin(scope: Scope = { kind: "system" }): Promise<string> {
  const deps = backupDeps();
  const backup = await newBackup(deps, scope, "manual", "tester");
  await deps.db.batch([insertBackup(deps.db, backup)]);
  return backup.id;
}

export async function backUp(scope?: Scope): Promise<Backup> {
  const id = await begin(scope);
  await finish({ kind: "backup", id });
  return backupOf(id);
}

export async function backupOf(id: string): Promise<Backup> {
  const backup = await getBackup(backupDeps().db, id);
  if (!backup) throw new Error(`There is no backup ${id}.`);
  return backup;
}

export async function restoreOf(id: string): Promise<Restore> {
  const restore = await getRestore(backupDeps().db, id);
  if (!restore) throw new Error(`There is no restore ${id}.`);
  return restore;
}

/** A connection that is lost when progress is written: work was done, and nobody knows. */
export function dyingAt<T extends object>(db: T): T {
  return new Proxy(db, {
    get(target, name) {
      if (name === "update") throw new Error("the worker died");
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
