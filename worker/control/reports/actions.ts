import type { Deps } from "../../deps.ts";
import type { Actor } from "../../lib/actor.ts";
import {
  REPORTS,
  type Report,
  type ReportKind,
  type ReportSpec,
  type Section,
  type SectionName,
} from "./report-record.ts";
import { requireRange, type Range } from "./range-rules.ts";
import { SECTION_QUERIES, SECTION_ROWS } from "./store.ts";

/** @throws {PlatformError} REQUEST_INVALID where the time asked for is none */
export async function makeReport(
  { db, clock }: Pick<Deps, "db" | "clock">,
  { tenantId }: Actor,
  kind: ReportKind,
  range: Range,
): Promise<Report> {
  const now = clock.now();
  const scope = { tenantId, now, ...requireRange(range, now) };
  const spec: ReportSpec = REPORTS[kind];
  const sections = await Promise.all(
    Object.entries(spec.sections).map(async ([id, { title, note, columns }]): Promise<Section> => {
      const rows = await SECTION_QUERIES[id as SectionName](db, scope); // a name of the table
      const names = Object.keys(columns);
      return {
        id,
        title,
        note,
        columns: Object.entries(columns).map(([key, column]) => ({ key, ...column })),
        rows: rows
          .slice(0, SECTION_ROWS)
          .map((row) => Object.fromEntries(names.map((name) => [name, row[name] ?? null]))),
        truncated: rows.length > SECTION_ROWS,
      };
    }),
  );
  return { kind, title: spec.title, tenantId, from: scope.from, to: scope.to, generatedAt: now, sections };
}
