import { writeFile } from "node:fs/promises";
import path from "node:path";
import { buildProject } from "../../project/build-project.ts";
import { openProjectHost } from "../../project/project-host.ts";
import { openProject } from "../../project/project.ts";
import { flameGraphPage } from "../../profile/flame-graph.ts";
import type { ProfiledFrame } from "../../profile/profile.ts";
import { objectOf } from "../arguments.ts";
import { columns, EXIT, show } from "../output.ts";
import type { RunOptions } from "./run.ts";

const SHOWN = 20;

/** Builds a plugin, calls a function, and says where the fuel went: as a table, for speedscope, and as a page with a flame graph. */
export async function profile(functionName: string, options: RunOptions): Promise<void> {
  const built = await buildProject(await openProject(path.resolve(options.folder)));
  const host = await openProjectHost(built, objectOf(options.config));
  const { call, profile: found } = await host.profile(functionName, options.input);
  const folder = path.dirname(built.module);
  const speedscope = path.join(folder, `${functionName}.speedscope.json`);
  const page = path.join(folder, `${functionName}.profile.html`);
  const title = `${built.manifest.id} ${built.manifest.version} ${functionName}`;
  await writeFile(speedscope, JSON.stringify(found.speedscope));
  await writeFile(page, flameGraphPage(found, title));
  const { failure, fuel: charged } = call;
  const { fuel, truncated, functions } = found;
  show(
    {
      function: functionName,
      fuel,
      charged,
      truncated,
      failure: failure ?? null,
      functions,
      files: { speedscope, page },
    },
    [
      ...columns([
        ["function", "self", "share", "total", "calls"],
        ...functions.slice(0, SHOWN).map((frame) => rowOf(frame, fuel)),
      ]),
      ...(functions.length > SHOWN ? [`and ${functions.length - SHOWN} more functions`] : []),
      `fuel ${fuel.toLocaleString("en-US")}${failure ? `; the call failed: ${failure.code}` : ""}`,
      `${page} is a flame graph; ${speedscope} is for https://www.speedscope.app.`,
    ],
    options,
  );
  if (failure) process.exitCode = EXIT.failure;
}

function rowOf({ name, self, total, calls }: ProfiledFrame, fuel: number): string[] {
  const share = fuel === 0 ? "" : `${((100 * self) / fuel).toFixed(1)} %`;
  return [name, self.toLocaleString("en-US"), share, total.toLocaleString("en-US"), calls.toLocaleString("en-US")];
}
