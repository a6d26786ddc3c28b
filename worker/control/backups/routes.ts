import * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { requireBackup, startBackup, verifyBackup } from "./actions/manage.ts";
import { describeBackup, describeRestore } from "./actions/present.ts";
import { confirmationOf, planRestore, startRestore } from "./actions/restore.ts";
import {
  BackupAnswer,
  BackupBody,
  BackupFilter,
  BackupParams,
  PlanAnswer,
  RestoreAnswer,
  RestoreBody,
  RestoreParams,
} from "./schema.ts";
import { getRestore, listBackups } from "./store.ts";

const Position = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const administered = { mount: "plugins", tag: "Backups", permission: "platform:admin" } as const;

export const backupRoutes: readonly Route[] = [
  defineRoute({
    ...administered,
    method: "get",
    path: "/migration-proof/backups",
    operationId: "listBackups",
    summary: "Backups with their status, newest first",
    query: v.object({ ...pageQuery, ...BackupFilter.entries }),
    answers: { 200: { description: "A page of backups", schema: pageOf(BackupAnswer) } },
    errors: [],
    handler: async (context, { query: { limit, cursor, status } }) => {
      const page = { limit: limit + 1, before: decodeCursor(cursor, Position)?.[0] };
      const backups = await listBackups(context.get("deps").db, { status }, page);
      return context.json(
        toPage(
          backups.map((backup) => describeBackup(backup)),
          limit,
          ({ id }) => [id],
        ),
      );
    },
  }),
  defineRoute({
    ...administered,
    method: "get",
    path: "/migration-proof/backups/:backup",
    operationId: "getBackup",
    summary: "One backup with its status",
    params: BackupParams,
    answers: { 200: { description: "The backup", schema: BackupAnswer } },
    errors: ["BACKUP_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(describeBackup(await requireBackup(context.get("deps"), params.backup))),
  }),
  defineRoute({
    ...administered,
    method: "post",
    path: "/migration-proof/backup",
    operationId: "createBackup",
    summary: "Back up the system, or one tenant, now",
    body: BackupBody,
    answers: { 202: { description: "It is being written, and verified afterwards", schema: BackupAnswer } },
    errors: ["TENANT_NOT_FOUND"],
    handler: async (context, { body: { tenantId, trigger } }) => {
      const scope = tenantId === undefined ? ({ kind: "system" } as const) : ({ kind: "tenant", tenantId } as const);
      const backup = await startBackup(context.get("deps"), context.get("actor"), scope, trigger);
      return context.json(describeBackup(backup), 202);
    },
  }),
  defineRoute({
    ...administered,
    method: "post",
    path: "/migration-proof/verify/:backup",
    operationId: "verifyBackup",
    summary: "Try to restore a backup, apart from what runs",
    params: BackupParams,
    answers: { 202: { description: "It is being tried; its status says what came of it", schema: BackupAnswer } },
    errors: ["BACKUP_NOT_FOUND", "STATE_CONFLICT"],
    handler: async (context, { params }) =>
      context.json(describeBackup(await verifyBackup(context.get("deps"), context.get("actor"), params.backup)), 202),
  }),
  defineRoute({
    ...administered,
    method: "post",
    path: "/migration-proof/restore",
    operationId: "restoreBackup",
    summary: "Restore the system, one tenant, or one plugin of a tenant from a backup",
    body: RestoreBody,
    answers: {
      200: { description: "What would change", schema: PlanAnswer },
      202: { description: "The restore has begun", schema: RestoreAnswer },
    },
    errors: ["BACKUP_NOT_FOUND", "BACKUP_UNREADABLE", "BACKUP_KEY_UNKNOWN", "RESTORE_REFUSED", "STATE_CONFLICT"],
    handler: async (context, { body: { backup, scope, dryRun, confirmation } }) => {
      const [deps, actor] = [context.get("deps"), context.get("actor")];
      if (dryRun || confirmation === undefined) {
        const plan = await planRestore(deps, backup, scope);
        return context.json({ ...plan, ...(await confirmationOf(deps, actor, plan)) });
      }
      const restore = await startRestore(deps, actor, backup, scope, confirmation);
      context.header("location", `/api/v1/plugins/migration-proof/restores/${restore.id}`);
      return context.json(describeRestore(restore), 202);
    },
  }),
  defineRoute({
    ...administered,
    method: "get",
    path: "/migration-proof/restores/:restore",
    operationId: "getRestore",
    summary: "How far a restore is",
    params: RestoreParams,
    answers: { 200: { description: "The restore", schema: RestoreAnswer } },
    errors: ["BACKUP_NOT_FOUND"],
    handler: async (context, { params }) => {
      const restore = await getRestore(context.get("deps").db, params.restore);
      if (!restore) throw new PlatformError("BACKUP_NOT_FOUND", `There is no restore "${params.restore}".`);
      return context.json(describeRestore(restore));
    },
  }),
];
