import { html, Html, htmlPage } from "../../lib/html.ts";
import type { Cell, ColumnKind, Report, Section } from "./report-record.ts";

/** The whole style of a page; its digest is in the page's policy, so that no other applies. */
export const REPORT_STYLE = `body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#111;background:#fff}
h1{margin-bottom:0}h2{margin-top:2rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:#444;padding-bottom:.5rem}
th,td{border-bottom:1px solid #bbb;padding:.3rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
td.figure,th.figure{text-align:right;font-variant-numeric:tabular-nums}
@media print{body{margin:0;max-width:none;font-size:9pt}.scroll{overflow:visible}h2{break-after:avoid}tr{break-inside:avoid}thead{display:table-header-group}nav{display:none}}
`;

/** A page of its own: no script, nothing from elsewhere. */
export function reportPage(report: Report): string {
  const { title, tenantId, from, to, generatedAt, sections } = report;
  const body = html`<header>
      <h1>${title}</h1>
      <p>Tenant ${tenantId}, from ${shownTime(from)} to ${shownTime(to)}. Made ${shownTime(generatedAt)}.</p>
    </header>
    <nav aria-label="Sections">
      <ul>
        ${sections.map(({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`)}
      </ul>
    </nav>
    <main>${sections.map(sectionHtml)}</main>`;
  return htmlPage(`${title} of ${tenantId}`, new Html(`<style>${REPORT_STYLE}</style>`), body);
}

function sectionHtml({ id, title, note, columns, rows, truncated }: Section): Html {
  const head = columns.map(({ title: name, kind }) => html`<th scope="col" ${figure(kind)}>${name}</th>`);
  const lines = rows.map((row) => {
    const cells = columns.map(({ key, kind }, index) => {
      const value = shown(row[key] ?? null, kind);
      return index === 0 ? html`<th scope="row" ${figure(kind)}>${value}</th>` : html`<td${figure(kind)}>${value}</td>`;
    });
    return html`<tr>
      ${cells}
    </tr> `;
  });
  const more = truncated ? html`<p>There are more than these ${rows.length} rows.</p>` : new Html("");
  const table =
    rows.length === 0
      ? html`<p>${note}</p>
          <p>Nothing.</p>`
      : html`<div class="scroll" role="region" aria-labelledby="${id}" tabindex="0">
            <table>
              <caption>
                ${note}
              </caption>
              <thead>
                <tr>
                  ${head}
                </tr>
              </thead>
              <tbody>
                ${lines}
              </tbody>
            </table>
          </div>
          ${more}`;
  return html`<section>
    <h2 id="${id}">${title}</h2>
    ${table}
  </section> `;
}

function figure(kind: ColumnKind): Html {
  return new Html(kind === "text" || kind === "time" ? "" : ' class="figure"');
}

function shown(value: Cell, kind: ColumnKind): string {
  if (value === null || value === "") return "–";
  if (typeof value === "string" || kind === "text") return String(value);
  if (kind === "time") return shownTime(value);
  if (kind === "percent") return `${value} %`;
  return value.toLocaleString("en");
}

function shownTime(time: number): string {
  return new Date(time)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");
}
