import type { Block, Page } from "./page.ts";

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}" +
  "table{border-collapse:collapse;margin:1rem 0}th,td{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}" +
  "pre{background:#f4f4f4;padding:.8rem;overflow:auto}" +
  "@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}pre{background:#242424}th,td{border-color:#444}}";

/** A page as one HTML file: nothing from elsewhere, no scripts, and a policy that lets none in. */
export function htmlPage(title: string, page: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${page.map(written).join("\n")}
</body>
</html>
`;
}

function written(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `<h${block.level}>${escape(block.text)}</h${block.level}>`;
    case "text":
      return `<p>${escape(block.text).replaceAll("\n", "<br>")}</p>`;
    case "table": {
      const head = row("th", block.head);
      return `<table><thead>${head}</thead><tbody>${block.rows.map((cells) => row("td", cells)).join("")}</tbody></table>`;
    }
    case "code":
    case "markdown":
  }
  // The author's Markdown is shown as it is written: as HTML it could hold anything.
  return `<pre>${escape(block.text)}</pre>`;
}

function row(cell: "th" | "td", cells: readonly string[]): string {
  return `<tr>${cells.map((text) => `<${cell}>${escape(text)}</${cell}>`).join("")}</tr>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
