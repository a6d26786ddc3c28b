import { format } from "prettier";
import type { BuiltPlugin } from "./build.ts";
import { titleOf } from "./cases.ts";
import type { Difference } from "./compare.ts";

/** What one plugin's run found, for docs/conformance.md. */
export interface PluginFindings {
  readonly plugin: BuiltPlugin;
  readonly differences: readonly Difference[];
  /** Of the calls of one plugin object of the reference host; undefined where the plugin keeps nothing. */
  readonly exchanges: { readonly own: number; readonly foreign: number; readonly failed: number } | undefined;
}

const REFERENCE = "@extism/extism 2.0.0-rc13";

/** The page says what was found and nothing that changes by itself: no times, sizes or versions of compilers. */
export async function renderPage(findings: readonly PluginFindings[]): Promise<string> {
  const page = [
    "# Conformance",
    `Plugins of several compilers, run on our host and on \`${REFERENCE}\`, both inside workerd. Made by \`npm run conformance\`; edit the cases in \`test/conformance\`, not this page. Our host meets every expectation, or the run fails; calls of each plugin also cost the same fuel and answer the same under Node.`,
    "## Plugins",
    table(
      ["plugin", "made with", "cases", "as expected on the reference host"],
      findings.map(({ plugin, differences }) => {
        const asked = plugin.cases.filter((one) => one.withoutReference === undefined).length;
        return [
          `\`${plugin.name}\``,
          plugin.language,
          String(plugin.cases.length),
          `${asked - differences.length} of ${asked}`,
        ];
      }),
    ),
    "## Differences",
    table(["call", "our host", "reference host", "plugins"], differenceRows(findings)),
    "## Not asked of the reference host",
    table(["call", "because"], withoutReferenceRows(findings)),
    "## Overlapping calls",
    "Eight calls at once, each with a secret of its own. Our host gives every call a new instance. The reference host is asked the way its documentation shows: one plugin object, several calls.",
    table(
      ["plugin", "our host, own answers", "reference host, own answers", "another caller's answer", "errors"],
      findings.flatMap(({ plugin, exchanges }) =>
        exchanges === undefined
          ? []
          : [[`\`${plugin.name}\``, "8", String(exchanges.own), String(exchanges.foreign), String(exchanges.failed)]],
      ),
    ),
  ].join("\n\n");
  return format(page, { parser: "markdown", printWidth: 120 });
}

function differenceRows(findings: readonly PluginFindings[]): string[][] {
  const rows = new Map<string, { difference: Difference; plugins: string[] }>();
  for (const difference of findings.flatMap((found) => found.differences)) {
    const key = JSON.stringify([difference.title, difference.ours, difference.reference]);
    const row = rows.get(key) ?? { difference, plugins: [] };
    row.plugins.push(difference.plugin);
    rows.set(key, row);
  }
  return [...rows.values()]
    .map(({ difference, plugins }) => [difference.title, difference.ours, difference.reference, plugins.join(", ")])
    .sort((a, b) => a.join().localeCompare(b.join(), "en"));
}

function withoutReferenceRows(findings: readonly PluginFindings[]): string[][] {
  const rows = new Map<string, string[]>();
  for (const one of findings.flatMap(({ plugin }) => plugin.cases)) {
    if (one.withoutReference !== undefined) rows.set(titleOf(one), [titleOf(one), one.withoutReference]);
  }
  return [...rows.values()];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  return [head, head.map(() => "---"), ...cells].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
