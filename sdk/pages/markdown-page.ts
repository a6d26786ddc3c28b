import type { Block, Page } from "./page.ts";

/** A page as Markdown (CommonMark, with the tables of GitHub's). */
export function markdownPage(page: Page): string {
  return `${page.map(written).join("\n\n")}\n`;
}

function written(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `${"#".repeat(block.level)} ${escape(block.text)}`;
    case "text":
      return escape(block.text);
    case "code":
      return fenced(block.language, block.text);
    case "table": {
      const rows = [block.head, block.head.map(() => "---"), ...block.rows.map((cells) => cells.map(escape))];
      return rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
    }
    case "markdown":
  }
  return block.text.trim();
}

/** A fence longer than any in the text, so that none ends it. */
function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** Every character that could mean something; in one line, as cells and headings are. */
function escape(text: string): string {
  return text
    .replaceAll(/[\\`*_{}[\]()#+!|~<>&-]/g, String.raw`\$&`)
    .replaceAll(/\s*\r?\n\s*/g, " ")
    .trim();
}
