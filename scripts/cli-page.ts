import { commandRows, type CommandRow } from "../sdk/cli/command-table.ts";
import { EXAMPLES } from "../sdk/cli/examples.ts";
import { patchbay } from "../sdk/cli/program.ts";

type Table = (head: readonly string[], rows: readonly (readonly string[])[]) => string;

const INTRODUCTION = `\`patchbay\` is the command of the package \`@patchbay/sdk\`. [sdk.md](sdk.md) tells how a plugin is written with it.

Every command takes \`--json\`, which prints the result as JSON, alone; \`dev\` prints a line of JSON for each thing that happens. What goes wrong
is a sentence on the standard error (with \`--json\`: \`{"error", "detail"}\` on the standard output), never a stack. Slow steps are shown on
a terminal only.

| exit code | when                                                                                          |
| --------- | --------------------------------------------------------------------------------------------- |
| 0         | it was done                                                                                   |
| 1         | what was asked for failed: a build, a case, a package that would be refused, a replay that differs |
| 2         | it was asked for wrongly                                                                      |

| variable                         | is                                                                               |
| -------------------------------- | -------------------------------------------------------------------------------- |
| \`PATCHBAY_URL\`, \`PATCHBAY_TOKEN\` | the platform and its token, before what was logged in to                         |
| \`PATCHBAY_CONFIG\`                | the folder of login and keys, in place of the system's (\`~/.config/patchbay\`)     |`;

/** The reference of the commands, from the tree of commands itself. */
export function cliPage(made: string, table: Table): string {
  const rows = commandRows(patchbay());
  const list = rows.map(({ path, usage, summary }) => [
    `[\`patchbay ${usage}\`](#patchbay-${path.replaceAll(" ", "-")})`,
    summary,
  ]);
  const sections = rows.map((row) => section(row, table));
  return `${["# Commands", made, INTRODUCTION, "## All of them", table(["command", "does"], list), ...sections].join("\n\n")}\n`;
}

function section({ path, usage, summary, options }: CommandRow, table: Table): string {
  const examples = EXAMPLES.find((entry) => entry.path === path)?.lines ?? [];
  const own = options.filter(({ long }) => long !== "json");
  return [
    `## patchbay ${path}`,
    `\`patchbay ${usage}\`: ${summary}.`,
    ...(own.length > 0
      ? [
          table(
            ["option", "is"],
            own.map(({ flags, summary: said }) => [`\`${flags}\``, said.replaceAll("|", "\\|")]),
          ),
        ]
      : []),
    ...(examples.length > 0 ? [`\`\`\`\n${examples.join("\n")}\n\`\`\``] : []),
  ].join("\n\n");
}
