import path from "node:path";
import { mapPositions } from "../../builder/source-positions.ts";
import { buildProject } from "../../project/build-project.ts";
import { openProjectHost } from "../../project/project-host.ts";
import { openProject } from "../../project/project.ts";
import { objectOf } from "../arguments.ts";
import { EXIT, show, type OutputOptions } from "../output.ts";

export interface RunOptions extends OutputOptions {
  readonly folder: string;
  readonly input?: string;
  /** A JSON object. */
  readonly config?: string;
}

/** Builds the plugin of a folder and calls one of its functions, with all that its manifest asks for granted. */
export async function run(functionName: string, options: RunOptions): Promise<void> {
  const built = await buildProject(await openProject(path.resolve(options.folder)));
  const { map } = built;
  const host = await openProjectHost(built, objectOf(options.config));
  const call = await host.call(functionName, options.input);
  const { failure, fuel, memoryBytes, logs } = call;
  const lines = logs.map(({ level, text }) => `${level}: ${mapPositions(text, map)}`);
  const ending = failure ? `${failure.code}: ${mapPositions(failure.detail, map)}` : call.text();
  show(
    {
      ...(failure ? { failure: { ...failure, detail: mapPositions(failure.detail, map) } } : { output: call.text() }),
      fuel,
      memoryBytes,
      logs,
    },
    [...lines, ending, `fuel ${fuel}, memory ${memoryBytes} bytes`],
    options,
  );
  if (failure) process.exitCode = EXIT.failure;
}
