import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { ERRORS } from "../sdk/contract/errors.ts";
import { escapeHtml, Html, htmlPage } from "../worker/lib/html.ts";

/** Pages of the documentation, which the worker serves as files. No inline script; nothing from another origin. */

const SCRIPT_PATH = "/docs/start.js";
const STYLE_PATH = "/docs/pages.css";

const REFERENCE_PAGE = page(
  "Patchbay API",
  `<link rel="stylesheet" href="/swagger/swagger-ui.css">
<script src="/swagger/swagger-ui-bundle.js" defer></script>
<script src="${SCRIPT_PATH}" defer></script>`,
  `<div id="reference"></div>
<noscript>The API reference needs JavaScript; the description itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>`,
);

const START_SCRIPT = `SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
`;

const PAGE_STYLE = `body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8884; padding: 0.4rem 0.8rem; text-align: left; vertical-align: top; }
tr:target { background: #fd08; }
`;

const ERROR_PAGE = page(
  "Patchbay error codes",
  `<link rel="stylesheet" href="${STYLE_PATH}">`,
  `<h1>Error codes</h1>
<p>Every failure is a problem document (RFC 9457). Its <code>code</code> is one of these and never changes its meaning.</p>
<table>
<thead><tr><th>Code</th><th>Status</th><th>Meaning</th><th>Who has to act</th><th>May a retry help?</th></tr></thead>
<tbody>
${errorRows()}
</tbody>
</table>`,
);

function errorRows(): string {
  return Object.entries(ERRORS)
    .map(
      ([code, { status, title, blame, retryable }]) =>
        `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${escapeHtml(title)}</td><td>${blame}</td><td>${retryable ? "yes" : "no"}</td></tr>`,
    )
    .join("\n");
}

function page(title: string, head: string, body: string): string {
  return htmlPage(title, new Html(head), new Html(body));
}

/** @param assets  folder of the worker's files */
export async function buildPages(assets: string): Promise<void> {
  const folder = path.join(assets, "docs");
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "reference.html"), REFERENCE_PAGE);
  await writeFile(path.join(folder, "errors.html"), ERROR_PAGE);
  await writeFile(path.join(assets, SCRIPT_PATH), START_SCRIPT);
  await writeFile(path.join(assets, STYLE_PATH), PAGE_STYLE);
}
