import { marked } from "marked";
import { describe, expect, test } from "vitest";
import { parseManifest } from "../../../sdk/contract/manifest.ts";
import { htmlPage } from "../../../sdk/pages/html-page.ts";
import { markdownPage } from "../../../sdk/pages/markdown-page.ts";
import { pluginPage } from "../../../sdk/pages/plugin-page.ts";
import { COMMON } from "../../fixtures/types/described-manifests.ts";

const HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) | `a` ![i](http://e.example/x.png)";

const manifest = parseManifest({
  ...COMMON,
  name: HOSTILE,
  description: `${HOSTILE}\n# no heading\n\n| no | table |`,
  permissions: [{ capability: "http", hosts: ["api.example.com"], reason: HOSTILE }],
  api: { endpoints: [{ method: "GET", path: "/orders/:id", function: "price" }] },
  hooks: [{ name: "file:process", function: "price" }],
  limits: { fuel: 5 },
  config: {
    type: "object",
    properties: {
      key: { type: "string", "x-secret": true, description: HOSTILE },
      size: { type: "integer", default: 3 },
    },
    required: ["key"],
  },
});
const cases = [
  { name: "an order", function: "price", input: { id: HOSTILE }, output: { total: 1 } },
  { name: "text", function: "shout", input: "```\n<b>", output: "x" },
  { name: "refused", function: "price", input: 1, error: "PLUGIN_ERROR" },
];
const page = pluginPage({ manifest, cases, readme: "# Mine\n\n<script>alert(2)</script>" });

describe("a plugin's page", () => {
  test("says what the manifest says, with the cases that come to an output as examples", () => {
    const headings = page.filter((block) => block.kind === "heading").map(({ text }) => text);
    expect(headings.slice(1)).toEqual([
      "Functions",
      "price",
      "shout",
      "raw",
      "Configuration",
      "Permissions",
      "Hooks",
      "Endpoints",
      "Events",
      "Limits",
      "Types",
      "From its author",
    ]);
    expect(page).toContainEqual(
      expect.objectContaining({
        rows: [
          ["input", "application/json", "PriceInput", ""],
          ["output", "application/json", "PriceOutput", ""],
        ],
      }),
    );
    expect(page).toContainEqual(
      expect.objectContaining({
        rows: [
          ["key", "string", "", "required, secret", HOSTILE],
          ["size", "integer", "3", "", ""],
        ],
      }),
    );
    expect(JSON.stringify(page)).not.toContain("refused");
  });

  test("is the same each time", () => {
    expect(markdownPage(pluginPage({ manifest, cases, readme: undefined }))).toBe(
      markdownPage(pluginPage({ manifest, cases, readme: undefined })),
    );
  });

  test("as HTML holds none of what it shows as HTML, and asks for nothing from elsewhere", () => {
    const html = htmlPage(manifest.name, page);
    expect(html).not.toMatch(/<script|<img|<b>|<a |src=|href=/);
    expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(html).toContain("default-src 'none'");
  });

  test("as Markdown becomes what it says and nothing else", async () => {
    const text = markdownPage(pluginPage({ manifest, cases, readme: undefined }));
    const html = await marked.parse(text);
    expect(html).not.toMatch(/<script|<img|<b>|href="javascript/);
    expect(html.match(/<h1/g)).toHaveLength(1);
    expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    // Five columns of configuration whatever is in a cell.
    expect(/<th>setting<\/th>[^]*?<\/table>/.exec(html)?.[0].match(/<td/g)).toHaveLength(10);
  });
});
