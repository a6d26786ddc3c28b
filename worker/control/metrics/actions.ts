import type * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Actor } from "../../lib/actor.ts";
import { requireInstall, type InstallDeps } from "../installs/actions/change.ts";
import { PERIODS, seriesOf } from "./rules.ts";
import type { MetricsAnswer, MetricsQuery } from "./schema.ts";
import { listMetrics } from "./store.ts";

const MOST_ROWS = 10_000;
/** Periods shown where nothing is said of them. */
const USUALLY = { minute: 60, hour: 24 } as const;

/** @throws {PlatformError} INSTALL_NOT_FOUND; REQUEST_INVALID where the period is empty */
export async function readMetrics(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  { resolution, name, ...range }: MetricsQuery,
): Promise<v.InferInput<typeof MetricsAnswer>> {
  await requireInstall(deps, actor, pluginId);
  const [minute, hour] = PERIODS;
  const period = resolution === "minute" ? minute : hour;
  const to = range.to ?? deps.clock.now() + 1;
  const from = range.from ?? Math.max(0, to - USUALLY[resolution] * period);
  if (from >= to) {
    const message = `must be after \`from\`, which is ${from}`;
    throw new PlatformError("REQUEST_INVALID", "The period is empty.", { issues: [{ path: "to", message }] });
  }
  const scope = { tenantId: actor.tenantId, pluginId };
  const rows = await listMetrics(deps.db, scope, { period, from: from - (from % period), to, name }, MOST_ROWS + 1);
  const truncated = rows.length > MOST_ROWS;
  const items = seriesOf(rows.slice(0, MOST_ROWS)).map((series) => ({ ...series, points: [...series.points] }));
  return { from, to, resolution, items, truncated };
}
