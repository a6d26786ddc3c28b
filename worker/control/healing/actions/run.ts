import type { Deps } from "../../../deps.ts";
import { errorText } from "../../../lib/error-text.ts";
import { toHex } from "../../../lib/hex.ts";
import { logError } from "../../../lib/json-log.ts";
import { followEvents } from "../../events/actions/follow.ts";
import { SYSTEM_SUBJECT } from "../../events/rules.ts";
import { getInstall } from "../../installs/store.ts";
import { readSettings } from "../../settings/store.ts";
import { listSickInstalls } from "../facts-store.ts";
import type { HealingEvent } from "../healing-record.ts";
import { FAULT_WINDOW_MS, HEALABLE_CODES, HEALING_RULES, TRIES_WINDOW_MS } from "../rules.ts";
import { healByItself } from "./choose.ts";
import { closeCutOff } from "./end.ts";

/** Remedies of one run, so that it ends well within a minute; the next run goes on. */
const HEALED_PER_RUN = 5;
/** Installs looked at in one run. */
const LOOKED_AT_PER_RUN = 50;
const TRACE_BYTES = 16;

/**
 * Closes what was cut off, and heals what is sick, unless the setting `audit.autoFix` is off. An install that fails to heal
 * stops no other.
 *
 * @returns what was done
 */
export async function healSickInstalls(deps: Deps): Promise<readonly HealingEvent[]> {
  const cutOff = await closeCutOff(deps);
  for (const tenantId of new Set(cutOff.map((event) => event.tenantId))) deps.defer(followEvents(deps, tenantId));
  const { audit } = await readSettings(deps.db);
  if (!audit.autoFix) return [];
  const remedies = [...new Set(HEALING_RULES.map(({ remedy }) => remedy))];
  const now = deps.clock.now();
  const since = { failed: now - FAULT_WINDOW_MS, opened: now - TRIES_WINDOW_MS };
  const sick = await listSickInstalls(deps.db, { codes: HEALABLE_CODES, remedies }, since, LOOKED_AT_PER_RUN);
  const done: HealingEvent[] = [];
  for (const { tenantId, pluginId } of sick) {
    if (done.length === HEALED_PER_RUN) break;
    const actor = { tenantId, subject: SYSTEM_SUBJECT, roles: [], traceId: toHex(deps.randomBytes(TRACE_BYTES)) };
    try {
      const install = await getInstall(deps.db, tenantId, pluginId);
      const event = install && (await healByItself(deps, install, actor, audit));
      if (!event) continue;
      done.push(event);
      deps.defer(followEvents(deps, tenantId));
    } catch (error) {
      logError("healing.not-tried", { tenantId, pluginId, error: errorText(error) });
    }
  }
  return done;
}
