import * as production from "../testing/production-program.generated.js";
import type { ProductionProgram } from "../testing/production-program.ts";
import { enableRuntime } from "../testing/runtime.ts";
import type { LocalReplay, ReplaySource } from "./replay.ts";

const program: ProductionProgram = production;

/**
 * Runs a recorded call again in this process, by the platform's own code.
 *
 * @throws {PlatformError} RECORDING_UNREADABLE, RECORDING_NOT_FOUND; what an upload of the module that stands in is refused for
 */
export function replayRecording(source: ReplaySource): Promise<LocalReplay> {
  enableRuntime();
  return program.replayRecording(source, (module) => WebAssembly.compile(module));
}
