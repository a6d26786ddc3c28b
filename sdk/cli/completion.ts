import type { CommandRow, OptionRow } from "./command-table.ts";

/** Shells that a completion can be made for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** The script that a shell reads to complete this program's commands. */
export function completionScript(shell: Shell, rows: readonly CommandRow[]): string {
  if (shell === "bash") return bash(rows);
  return shell === "zsh" ? zsh(rows) : fish(rows);
}

/** First words, each once, with what they do; a parent stands for its commands. */
function firstWords(rows: readonly CommandRow[]): Map<string, string> {
  const words = new Map<string, string>();
  for (const { path, summary } of rows) {
    const [first = "", second] = path.split(" ");
    if (!words.has(first)) words.set(first, second === undefined ? summary : `${first} commands`);
  }
  return words;
}

function secondWords(rows: readonly CommandRow[], first: string): string[] {
  return rows
    .map(({ path }) => path.split(" "))
    .flatMap(([one, two]) => (one === first && two !== undefined ? [two] : []));
}

function optionsOf(rows: readonly CommandRow[], first: string): OptionRow[] {
  const all = rows.filter(({ path }) => path.split(" ")[0] === first).flatMap(({ options }) => options);
  return [...new Map(all.map((option) => [option.long, option])).values()];
}

function bash(rows: readonly CommandRow[]): string {
  const firsts = [...firstWords(rows).keys()];
  const cases = firsts.map((first) => {
    const words = [...secondWords(rows, first), ...optionsOf(rows, first).map(({ long }) => `--${long}`)];
    return `    ${first}) words="${words.join(" ")}" ;;`;
  });
  return `# patchbay completion bash > /etc/bash_completion.d/patchbay
_patchbay() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${[...firsts, "help"].join(" ")}"
  else
    case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _patchbay patchbay
`;
}

function zsh(rows: readonly CommandRow[]): string {
  const firsts = [...firstWords(rows)].map(([word, summary]) => `    '${word}:${quoted(summary)}'`);
  const cases = [...firstWords(rows).keys()].map((first) => {
    const options = optionsOf(rows, first).map(
      ({ long, takesValue, summary }) => `'--${long}[${bracketed(summary)}]${takesValue ? ":value:_files" : ""}'`,
    );
    const seconds = secondWords(rows, first);
    const rest = seconds.length > 0 ? `'2:command:(${seconds.join(" ")})'` : "'*:file:_files'";
    return `    ${first}) _arguments ${[...options, rest].join(" ")} ;;`;
  });
  return `#compdef patchbay
# patchbay completion zsh > "\${fpath[1]}/_patchbay"
_patchbay() {
  local -a commands=(
${firsts.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join("\n")}
  esac
}
compdef _patchbay patchbay
`;
}

function fish(rows: readonly CommandRow[]): string {
  const lines = [...firstWords(rows)].flatMap(([first, summary]) => {
    const seen = `'__fish_seen_subcommand_from ${first}'`;
    return [
      `complete -c patchbay -n __fish_use_subcommand -a ${first} -d '${quoted(summary)}'`,
      ...secondWords(rows, first).map((second) => `complete -c patchbay -n ${seen} -a ${second}`),
      ...optionsOf(rows, first).map(({ long, short, takesValue, summary: said }) => {
        const letter = short === undefined ? "" : ` -s ${short}`;
        return `complete -c patchbay -n ${seen} -l ${long}${letter}${takesValue ? " -r" : ""} -d '${quoted(said)}'`;
      }),
    ];
  });
  return `# patchbay completion fish > ~/.config/fish/completions/patchbay.fish\n${lines.join("\n")}\n`;
}

/** Within single quotes, in all three shells. */
function quoted(text: string): string {
  return text.replaceAll("'", "’").replaceAll(":", ";");
}

function bracketed(text: string): string {
  return quoted(text).replaceAll("[", "(").replaceAll("]", ")");
}
