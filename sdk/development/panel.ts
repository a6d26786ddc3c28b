import { bytesText } from "../inspection/inspection-text.ts";
import { UserError } from "../project/user-error.ts";
import type { Reload } from "./dev-session.ts";
import type { GatewayCall } from "./gateway.ts";

const KEPT_LINES = 200;

export interface PanelState {
  readonly platform: string;
  readonly address: string;
  readonly tenant: string;
  readonly last: Reload | undefined;
  /** The last one that runs. */
  readonly running: (Reload & { readonly ok: true }) | undefined;
}

/** The head of the panel: what runs, what the last build came to, and how to call it. */
export function headLines({ platform, address, tenant, last, running }: PanelState): string[] {
  const rows: (readonly [string, string])[] = [
    ["platform", `${platform}, tenant ${tenant}`],
    [
      "build",
      last === undefined
        ? "under way"
        : last.ok
          ? `done in ${last.milliseconds} ms`
          : "failed; the last good one runs on",
    ],
  ];
  if (running) {
    const { version, report } = running;
    rows.push(
      ["plugin", `${version.pluginId} ${version.version}`],
      ["size", `${bytesText(report.bytes)} (${bytesText(report.gzipBytes)} compressed)`],
      ["permissions", report.permissions.join(", ") || "none"],
      ["call", `curl -d '…' ${address}/${version.functions[0] ?? ""}`],
      ...(report.manifest.api ? [["endpoints", `${address}/run/…`] as const] : []),
    );
  }
  return rows.map(([name, value]) => `${name.padEnd(11)}  ${value}`);
}

/** Lines of one reload, for whoever reads on. */
export function reloadLines(reload: Reload): string[] {
  if (reload.ok)
    return [
      `reloaded in ${reload.milliseconds} ms: ${reload.version.version}`,
      ...reload.report.notes.map((note) => `note: ${note}`),
    ];
  const { error } = reload;
  const told = error instanceof Error ? error.message : String(error);
  const detail = error instanceof UserError ? (error.detail ?? "") : "";
  return [
    `not reloaded: ${told}`,
    ...detail
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => `  ${line}`),
  ];
}

export function callLines({ functionName, code, detail, fuel, durationMs, logs }: GatewayCall): string[] {
  const ending = code === undefined ? `ok, fuel ${fuel}, ${durationMs} ms` : `${code}: ${detail}`;
  return [`${functionName || "(default)"}  ${ending}`, ...logs.map(({ level, text }) => `  ${level}: ${text}`)];
}

/** Draws the panel on a terminal, and writes plain lines elsewhere. */
export class Panel {
  readonly #output: NodeJS.WriteStream;
  readonly #lines: string[] = [];
  #head: readonly string[] = [];

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  head(lines: readonly string[]): void {
    const changed = lines.join("\n") !== this.#head.join("\n");
    this.#head = lines;
    if (this.#output.isTTY) this.#draw();
    else if (changed) this.#output.write(`${lines.join("\n")}\n`);
  }

  add(lines: readonly string[]): void {
    const time = new Date().toTimeString().slice(0, 8);
    const stamped = lines.map((line, at) => `${at === 0 ? time : " ".repeat(time.length)}  ${line}`);
    this.#lines.push(...stamped);
    this.#lines.splice(0, this.#lines.length - KEPT_LINES);
    if (this.#output.isTTY) this.#draw();
    else this.#output.write(`${stamped.join("\n")}\n`);
  }

  #draw(): void {
    const { rows, columns } = this.#output;
    const room = Math.max(rows - this.#head.length - 3, 1);
    const lines = [...this.#head, "─".repeat(Math.min(columns, 80)), ...this.#lines.slice(-room), "", "Ctrl-C ends."];
    const cut = lines.map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line));
    this.#output.write(`\u001b[2J\u001b[H${cut.join("\n")}`);
  }
}
