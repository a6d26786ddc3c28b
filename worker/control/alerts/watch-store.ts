import { desc } from "drizzle-orm";
import type { Settings } from "../../../sdk/contract/settings.ts";
import type { Database } from "../../db/client.ts";
import { platformSettings } from "../../db/schema.ts";
import { settingsFrom } from "../settings/rules.ts";
import type { Alert, Silence, StoredRule } from "./alert-record.ts";
import { selectSilences, selectStoredRules } from "./rule-store.ts";
import { selectOpenAlerts } from "./store.ts";

/** What an evaluation goes by. */
export interface Watch {
  readonly settings: Settings;
  readonly stored: readonly StoredRule[];
  readonly open: readonly Alert[];
  readonly silences: readonly Silence[];
}

/**
 * All of it in one request.
 *
 * @param tenantId  undefined: of all tenants
 */
export async function readWatch(db: Database, tenantId: string | undefined, now: number): Promise<Watch> {
  const [settings, stored, open, silences] = await db.batch([
    db
      .select({ settings: platformSettings.settings })
      .from(platformSettings)
      .orderBy(desc(platformSettings.revision))
      .limit(1),
    selectStoredRules(db, tenantId),
    selectOpenAlerts(db, tenantId),
    selectSilences(db, tenantId, now),
  ]);
  return { settings: settingsFrom(settings[0]?.settings), stored, open, silences };
}
