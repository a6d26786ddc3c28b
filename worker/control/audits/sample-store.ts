import { sql, type SQL } from "drizzle-orm";
import { ERRORS, type ErrorSpec } from "../../../sdk/contract/errors.ts";
import type { Database } from "../../db/client.ts";
import { ulid } from "../../lib/ulid.ts";
import type { CallSample, FunctionCalls } from "./facts-record.ts";
import { SAMPLING } from "./performance-rules.ts";

/** Functions looked at of one install, those called most. */
const FUNCTIONS = 8;

/** Failures that are the plugin's or an upstream service's fault, not the caller's or ours. */
const FAILURES = Object.entries<ErrorSpec>(ERRORS)
  .filter(([, { blame }]) => blame === "plugin" || blame === "upstream")
  .map(([code]) => code);

interface Row {
  readonly installId: string;
  readonly part: "recent" | "baseline";
  readonly functionName: string;
  readonly calls: number;
  readonly failed: number;
  readonly durations: string;
  readonly fuel: string;
  readonly memory: string;
  readonly versions: string;
  readonly failedId: string | null;
  /** Duration with leading zeros, then the id. */
  readonly slowest: string | null;
}
const DURATION_DIGITS = 12;

interface SampledInstall {
  readonly id: string;
  readonly pluginId: string;
}

/** Bounds of ids by time: executions have ULIDs. */
function slotsOf({ id, pluginId }: SampledInstall, now: number) {
  const { recent, baseline } = SAMPLING;
  const none = new Uint8Array(16);
  const split = now - recent.slots * recent.slotMs;
  const slots = (part: Row["part"], end: number, { slots: count, slotMs }: { slots: number; slotMs: number }) =>
    Array.from({ length: count }, (_, index) => ({
      installId: id,
      pluginId,
      part,
      from: ulid(end - (index + 1) * slotMs, none),
      to: ulid(end - index * slotMs, none),
    }));
  return [...slots("recent", now, recent), ...slots("baseline", split, baseline)];
}

/**
 * Recent calls of the installs and those before, function by function.
 *
 * @param now  milliseconds since the epoch, after the last call to be looked at
 * @returns by install id
 */
export async function sampleCalls(
  db: Database,
  tenantId: string,
  installs: readonly SampledInstall[],
  now: number,
): Promise<ReadonlyMap<string, readonly FunctionCalls[]>> {
  const slots = JSON.stringify(installs.flatMap((install) => slotsOf(install, now)));
  const chosen = sql`SELECT x.id FROM plugin_executions AS x WHERE x.tenant_id = ${tenantId} AND x.plugin_id = ${field("pluginId")} AND x.id >= ${field("from")} AND x.id < ${field("to")} ORDER BY x.id LIMIT ${SAMPLING.callsPerSlot}`;
  const succeeded = sql.raw("FILTER (WHERE e.status = 'succeeded')");
  const isFailure = sql`(e.status = 'failed' AND e.error_code IN (SELECT value FROM json_each(${JSON.stringify(FAILURES)})))`;
  const rows = await db.all<Row>(sql`
    SELECT e.install_id AS installId, ${field("part")} AS part, e.function_name AS functionName,
      count(*) AS calls, sum(${isFailure}) AS failed,
      json_group_array(e.duration_ms) ${succeeded} AS durations,
      json_group_array(e.fuel) ${succeeded} AS fuel,
      json_group_array(e.memory_bytes) ${succeeded} AS memory,
      json_group_array(DISTINCT e.version) AS versions,
      max(CASE WHEN ${isFailure} THEN e.id END) AS failedId,
      max(printf('%0${sql.raw(String(DURATION_DIGITS))}d', e.duration_ms) || e.id) ${succeeded} AS slowest
    FROM json_each(${slots}) AS s CROSS JOIN plugin_executions AS e
    WHERE e.id IN (${chosen}) AND e.install_id = ${field("installId")}
    GROUP BY 1, 2, 3`);
  return byInstall(rows);
}

/** A field of a slot. */
function field(name: string): SQL {
  return sql.raw(`json_extract(s.value, '$.${name}')`);
}

/** As the statement made them. */
function numbers(text: string): number[] {
  return JSON.parse(text) as number[];
}

function byInstall(rows: readonly Row[]): ReadonlyMap<string, readonly FunctionCalls[]> {
  const installs = Map.groupBy(rows, ({ installId }) => installId);
  return new Map(
    [...installs].map(([installId, own]) => {
      const functions = [...Map.groupBy(own, ({ functionName }) => functionName)].map(
        ([functionName, parts]): FunctionCalls => ({
          functionName,
          recent: sampleOf(parts.find(({ part }) => part === "recent")),
          baseline: sampleOf(parts.find(({ part }) => part === "baseline")),
        }),
      );
      const byCalls = functions.toSorted((a, b) => (b.recent?.calls ?? 0) - (a.recent?.calls ?? 0));
      return [installId, byCalls.slice(0, FUNCTIONS)];
    }),
  );
}

function sampleOf(row: Row | undefined): CallSample | undefined {
  if (!row) return undefined;
  const { calls, failed, failedId, slowest } = row;
  return {
    calls,
    failed,
    durations: numbers(row.durations),
    fuel: numbers(row.fuel),
    memory: numbers(row.memory),
    versions: JSON.parse(row.versions) as string[], // as the statement made it
    failedId,
    slowestId: slowest?.slice(DURATION_DIGITS) ?? null,
  };
}
