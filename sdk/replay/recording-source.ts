import type { ApiClient } from "../account/api-client.ts";
import type { ReplaySource } from "./replay.ts";

/**
 * A recording, downloaded, with the modules that it ran, which are downloaded when they are asked for.
 *
 * @throws {ApiError} EXECUTION_NOT_FOUND, RECORDING_NOT_FOUND, RECORDING_EXPIRED, RECORDING_KEY_UNKNOWN, RECORDING_UNREADABLE
 */
export async function downloadRecording(api: ApiClient, executionId: string): Promise<ReplaySource> {
  const route = `/api/plugins/executions/${encodeURIComponent(executionId)}/recording`;
  return {
    recording: await bytesOf(await api.request("GET", route)),
    part: async (digest) => bytesOf(await api.request("GET", `${route}/parts/${digest}`)),
  };
}

async function bytesOf(answer: Response): Promise<Uint8Array> {
  return new Uint8Array(await answer.arrayBuffer());
}
