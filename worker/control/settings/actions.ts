import type { InferInput } from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import type { Deps } from "../../deps.ts";
import type { Actor } from "../../lib/actor.ts";
import { auditRow } from "../audit-log/rules.ts";
import { requireMatch } from "../config/precondition-rules.ts";
import { newEvent } from "../events/rules.ts";
import { changeSettings, settingsFrom } from "./rules.ts";
import type { SettingsAnswer, SettingsChange } from "./schema.ts";
import { getSettings, insertSettings } from "./store.ts";

export type SettingsDeps = Pick<Deps, "db" | "clock" | "newId">;

const TRIES = 5;

/** The settings in force, with who changed them last. */
export async function describeSettings(deps: Pick<Deps, "db">): Promise<InferInput<typeof SettingsAnswer>> {
  const known = await getSettings(deps.db);
  return {
    revision: known?.revision ?? 0,
    ...(known?.settings ?? settingsFrom(undefined)),
    updatedBy: known?.author ?? null,
    updatedAt: known?.createdAt ?? null,
  };
}

/**
 * Changes the settings that are named; the others stay. A change that changes nothing is no revision.
 *
 * @throws {PlatformError} PRECONDITION_FAILED; STATE_CONFLICT where others were faster every time
 */
export async function updateSettings(
  deps: SettingsDeps,
  actor: Actor,
  change: SettingsChange,
  ifMatch: string | undefined,
): Promise<InferInput<typeof SettingsAnswer>> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    // oxlint-disable-next-line no-await-in-loop -- each try decides on what the one before found
    if (await tryUpdate(deps, actor, change, ifMatch)) return describeSettings(deps);
  }
  throw new PlatformError("STATE_CONFLICT", `The settings were changed by others ${TRIES} times meanwhile; try again.`);
}

async function tryUpdate(
  deps: SettingsDeps,
  actor: Actor,
  change: SettingsChange,
  ifMatch: string | undefined,
): Promise<boolean> {
  const known = await getSettings(deps.db);
  requireMatch(ifMatch, known?.revision ?? 0, false);
  const { settings, changed } = changeSettings(known?.settings ?? settingsFrom(undefined), change);
  if (changed.length === 0) return true;
  const revision = (known?.revision ?? 0) + 1;
  const createdAt = deps.clock.now();
  const event = newEvent({
    id: deps.newId(),
    tenantId: PLATFORM_TENANT,
    pluginId: null,
    type: "settings.changed",
    data: { revision, changed: changed.join(", ") },
    subject: actor.subject,
    createdAt,
  });
  const before = known?.settings ?? settingsFrom(undefined);
  const audited = { action: "settings.change", resourceId: "platform", before, after: settings } as const;
  const audit = auditRow(actor, audited, deps.newId(), createdAt);
  return insertSettings(deps.db, { revision, settings, changed, author: actor.subject, createdAt }, event, audit);
}
