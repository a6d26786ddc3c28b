import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { median, type Figure } from "./statistics.ts";

const ROUNDS = 9;
const LONGEST_MS = 15_000;
/** What the template's function greets with. */
const GREETING = "${greeting}, ";

/**
 * From a saved file to the first answer of the new code, with `patchbay dev` on a platform of its own.
 *
 * @param command  the packed SDK's, where it finds miniflare
 * @param project  made from the template `typescript`
 */
export async function reloadTime(command: string, project: string): Promise<Figure> {
  const child = spawn(process.execPath, [command, "dev", project, "--json", "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const lines = createInterface({ input: child.stdout });
    let address = "";
    for await (const line of lines) {
      const event = JSON.parse(line) as { address?: string; error?: string }; // the command's own
      if (event.error !== undefined) throw new Error(event.error);
      if (event.address !== undefined) {
        address = event.address;
        break;
      }
    }
    const file = path.join(project, "src/plugin.ts");
    const text = await readFile(file, "utf8");
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const startedAt = performance.now();
      await writeFile(file, text.replace(GREETING, `${round} ${GREETING}`));
      await answerWith(`${address}/greet`, `${round} `, startedAt);
      times.push(performance.now() - startedAt);
    }
    return {
      name: "from a saved file to an answer of the new code",
      found: median(times),
      unit: "ms",
      goal: { atMost: 1000 },
      note: `patchbay dev; ${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)} ms`,
    };
  } finally {
    child.kill("SIGINT");
  }
}

/** Asks until the new code answers. */
async function answerWith(url: string, text: string, startedAt: number): Promise<void> {
  for (;;) {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ name: "Ada" }) });
    const found = await answer.text();
    if (found.includes(`"${text}`)) return;
    if (performance.now() - startedAt > LONGEST_MS) throw new Error(`The new code never answered: ${found}`);
  }
}
