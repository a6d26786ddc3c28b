import * as v from "valibot";
import { defineRoute, type Route } from "../../http/route.ts";
import { makeReport } from "./actions.ts";
import { REPORT_STYLE, reportPage } from "./page-rules.ts";
import { LONGEST_DAYS, USUAL_DAYS } from "./range-rules.ts";
import { REPORT_KINDS, REPORTS, type ReportKind, type ReportSpec } from "./report-record.ts";

const time = v.pipe(
  v.string(),
  v.regex(/^\d{1,15}$/, "must be milliseconds since the epoch"),
  v.transform(Number),
  v.metadata({ jsonSchema: { type: "integer", minimum: 0 } }),
);
const ReportQuery = v.object({
  from: v.optional(v.pipe(time, v.description(`At or after; absent: ${USUAL_DAYS} days before \`to\``))),
  to: v.optional(v.pipe(time, v.description("Before; absent: now"))),
  format: v.optional(
    v.pipe(v.picklist(["json", "html"], "must be json or html"), v.description("Absent: as the Accept header says")),
  ),
});

const cell = v.nullable(v.union([v.string(), v.number()]));
const stamp = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));

function answerOf(kind: ReportKind) {
  const spec: ReportSpec = REPORTS[kind];
  const section = v.object({
    id: v.picklist(Object.keys(spec.sections)),
    title: v.string(),
    note: v.string(),
    columns: v.array(v.object({ key: v.string(), title: v.string(), kind: v.string() })),
    rows: v.pipe(v.array(v.record(v.string(), cell)), v.description("By the keys of the columns")),
    truncated: v.pipe(v.boolean(), v.description("True where there are more rows")),
  });
  return v.object({
    kind: v.literal(kind),
    title: v.string(),
    tenantId: v.string(),
    from: stamp,
    to: stamp,
    generatedAt: stamp,
    sections: v.array(section),
  });
}

export const reportRoutes: readonly Route[] = REPORT_KINDS.map((kind) => {
  const { title, summary, permission } = REPORTS[kind];
  return defineRoute({
    method: "get",
    mount: "plugins",
    path: `/reports/${kind}`,
    operationId: `get${kind.charAt(0).toUpperCase()}${kind.slice(1)}Report`,
    summary: `${title}: ${summary}`,
    description: `Of at most ${LONGEST_DAYS} days. As JSON, or as a page to read and print.`,
    tag: "Reports",
    permission,
    query: ReportQuery,
    headers: { accept: { description: "`text/html` first: a page", required: false } },
    answers: { 200: { description: "The report", schema: answerOf(kind) } },
    errors: [],
    handler: async (context, { query }) => {
      const { format, ...range } = query;
      const report = await makeReport(context.get("deps"), context.get("actor"), kind, range);
      const wantsPage = format === undefined ? prefersHtml(context.req.header("accept")) : format === "html";
      if (!wantsPage) return context.json(report, 200, { vary: "accept" });
      return context.body(reportPage(report), 200, {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": await pagePolicy(),
        vary: "accept",
      });
    },
  });
});

/** True where HTML is named before JSON and before anything (RFC 9110 §12.5.1; weights are rarely given by hand). */
function prefersHtml(accept = ""): boolean {
  const types = accept.split(",").map((part) => part.split(";")[0]?.trim().toLowerCase());
  const first = types.find((type) => type === "text/html" || type === "application/json" || type === "*/*");
  return first === "text/html";
}

let policy: Promise<string> | undefined;

/** Only the page's own style, known by its digest. */
function pagePolicy(): Promise<string> {
  return (policy ??= crypto.subtle.digest("SHA-256", new TextEncoder().encode(REPORT_STYLE)).then((digest) => {
    const text = btoa(String.fromCharCode(...new Uint8Array(digest)));
    return `default-src 'none'; style-src 'sha256-${text}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox`;
  }));
}
