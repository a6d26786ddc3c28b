import { PlatformError } from "../../../sdk/contract/errors.ts";
import { commit } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import type { Actor } from "../../lib/actor.ts";
import { auditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import type { Advisory } from "./advisory-record.ts";
import type { AdvisoryBody } from "./schema.ts";
import { getAdvisory, insertAdvisory, withdrawAdvisory } from "./store.ts";

type AdvisoryDeps = Pick<Deps, "db" | "clock" | "newId">;

/** Records a vulnerability; the next audit of each install that has it says so. */
export async function recordAdvisory(deps: AdvisoryDeps, actor: Actor, body: AdvisoryBody): Promise<Advisory> {
  const { subject } = actor;
  const createdAt = deps.clock.now();
  const advisory: Advisory = { ...body, id: deps.newId(), recordedBy: subject, createdAt, withdrawnAt: null };
  const audited = { action: "advisory.record", resourceId: advisory.id, after: body } as const;
  const audit = auditRow(actor, audited, deps.newId(), createdAt);
  await commit(deps.db, insertAdvisory(deps.db, advisory), recordAudit(deps.db, [audit]));
  return advisory;
}

/** @throws {PlatformError} ADVISORY_NOT_FOUND */
export async function retractAdvisory(deps: AdvisoryDeps, actor: Actor, id: string): Promise<Advisory> {
  const advisory = await getAdvisory(deps.db, id);
  if (!advisory) throw new PlatformError("ADVISORY_NOT_FOUND", `There is no advisory "${id}".`);
  if (advisory.withdrawnAt !== null) return advisory;
  const withdrawnAt = deps.clock.now();
  const audited = { action: "advisory.withdraw", resourceId: id, before: advisory } as const;
  const audit = auditRow(actor, audited, deps.newId(), withdrawnAt);
  await commit(deps.db, withdrawAdvisory(deps.db, id, withdrawnAt), recordAudit(deps.db, [audit]));
  return { ...advisory, withdrawnAt };
}
