import type { Deps } from "../../deps.ts";
import type { Actor } from "../../lib/actor.ts";
import { newEvent, SYSTEM_SUBJECT, type NewEvent } from "../events/rules.ts";
import { requireInstall, type InstallDeps } from "../installs/actions/change.ts";
import type { AnomalyMetric } from "./detector-rules.ts";
import { advance, MINUTE_MS, type SeriesOwner, type TimedChange } from "./rules.ts";
import { commitDetection, listAnomalies, listMinutes, listSeries, listUnderWay, type Anomaly } from "./store.ts";

type DetectDeps = Pick<Deps, "db" | "clock" | "newId">;

/** Records of a minute are there this long after its end, but for rare ones, which then count nowhere. Milliseconds. */
const LATE_MS = 60_000;
/** Minutes, and silent series, that one run looks at; the rest wait for the next. */
const MINUTES_PER_RUN = 5_000;

/**
 * Shows the detector every minute that has ended, and tells of what it finds. Two runs at once write one's result.
 *
 * @returns how many anomalies began or ended
 */
export async function detectAnomalies(deps: DetectDeps): Promise<number> {
  const { db, clock, newId } = deps;
  const now = clock.now() - LATE_MS;
  const end = now - (now % MINUTE_MS);
  const minutes = await listMinutes(db, end, MINUTES_PER_RUN);
  // Where more are waiting than one run takes, the last minute may be there in part: it waits too.
  const last = minutes.length === MINUTES_PER_RUN ? (minutes.at(-1)?.minute ?? end) : end;
  const until = last === minutes[0]?.minute ? last + MINUTE_MS : last;
  const taken = minutes.filter(({ minute }) => minute < until);
  const known = await listSeries(
    db,
    taken.map(({ installId }) => installId),
    until - MINUTE_MS,
    MINUTES_PER_RUN,
  );
  const rows = Map.groupBy(taken, keyOf);
  const byKey = new Map(known.map((series) => [keyOf(series), series]));
  const owners = new Map<string, SeriesOwner>([...known, ...taken].map((owner) => [keyOf(owner), owner]));
  if (owners.size === 0) return 0;
  const advanced = [...owners].map(([key, owner]) => advance(owner, byKey.get(key), rows.get(key) ?? [], until));
  const changed = advanced.filter(({ changes }) => changes.length > 0);
  const installs = changed.map(({ series }) => series.installId);
  const underWay = installs.length > 0 ? await listUnderWay(db, installs) : [];
  const told = changed.flatMap(({ series, changes }) => tell(series, changes, underWay, newId));
  await commitDetection(db, {
    read: [...owners].map(([key, { tenantId, installId }]) => ({
      tenantId,
      installId,
      minute: byKey.get(key)?.minute ?? -1,
    })),
    series: advanced.map(({ series }) => series),
    anomalies: [...new Map(told.map(({ anomaly }) => [anomaly.id, anomaly])).values()],
    events: told.map(({ event }) => event),
    minutes: taken,
  });
  return told.length;
}

function keyOf({ tenantId, installId }: SeriesOwner): string {
  return `${tenantId} ${installId}`;
}

interface Told {
  readonly anomaly: Anomaly;
  readonly event: NewEvent;
}

/** @param underWay  anomalies of any installs */
function tell(
  { tenantId, installId, pluginId }: SeriesOwner,
  changes: readonly TimedChange[],
  underWay: readonly Anomaly[],
  newId: () => string,
): Told[] {
  const open = new Map(
    underWay
      .filter((anomaly) => anomaly.tenantId === tenantId && anomaly.installId === installId)
      .map((anomaly) => [anomaly.metric, anomaly.id]),
  );
  return changes.map(({ kind, at, ...change }): Told => {
    const { metric, direction, expected, observed, startedAt } = change;
    const id = (kind === "ended" ? open.get(metric) : undefined) ?? newId();
    open.set(metric, id);
    const endedAt = kind === "ended" ? at + MINUTE_MS : null;
    const anomaly = { ...change, id, tenantId, installId, pluginId, endedAt };
    const shared = { id: newId(), tenantId, pluginId, subject: SYSTEM_SUBJECT, createdAt: at + MINUTE_MS };
    const data = { anomalyId: id, installId, metric, direction };
    const event =
      endedAt === null
        ? newEvent({ ...shared, type: "anomaly.detected", data: { ...data, expected, observed } })
        : newEvent({ ...shared, type: "anomaly.ended", data: { ...data, durationMs: endedAt - startedAt } });
    return { anomaly, event };
  });
}

/** Newest first, one more than `limit` where there are more. @throws {PlatformError} INSTALL_NOT_FOUND */
export async function readAnomalies(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  filter: { readonly metric?: AnomalyMetric | undefined; readonly active?: boolean | undefined },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<Anomaly[]> {
  await requireInstall(deps, actor, pluginId);
  const scope = { tenantId: actor.tenantId, pluginId };
  return listAnomalies(deps.db, scope, filter, { ...page, limit: page.limit + 1 });
}
