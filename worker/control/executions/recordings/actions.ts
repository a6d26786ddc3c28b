import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { commit } from "../../../db/client.ts";
import type { Deps } from "../../../deps.ts";
import { readFiles, readModule } from "../../../execution/module-store.ts";
import { encodeRecording } from "../../../execution/recording/codec.ts";
import type { Actor } from "../../../lib/actor.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { recordAudit } from "../../audit-log/store.ts";
import { readRecording } from "../replay/actions.ts";

type DownloadDeps = Pick<Deps, "db" | "recordings" | "clock" | "newId">;

/**
 * A recording as docs/recording.md lays it out, for its own tenant. Nothing is given out that the audit log does not tell.
 *
 * @throws {PlatformError} as reading a recording does
 */
export async function downloadRecording(
  deps: DownloadDeps,
  actor: Actor,
  executionId: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const recording = await readRecording(deps, actor, executionId);
  const { pluginId: resourceId, version } = recording.install;
  const change = { action: "recording.download", resourceId, after: { executionId, version } } as const;
  await commit(deps.db, recordAudit(deps.db, [auditRow(actor, change, deps.newId(), deps.clock.now())]));
  return encodeRecording(recording);
}

/**
 * What a recorded call ran: its modules as they were metered, and the files that it could read.
 *
 * @throws {PlatformError} as reading a recording does; RECORDING_NOT_FOUND where the digest is of something else;
 *   MODULE_UNAVAILABLE, INTEGRITY_FAILED
 */
export async function readRecordedPart(
  deps: DownloadDeps & { readonly env: Pick<Env, "STORE"> },
  actor: Actor,
  { executionId, digest }: { readonly executionId: string; readonly digest: string },
): Promise<Uint8Array<ArrayBuffer>> {
  const { rewrittenDigest, parts } = (await readRecording(deps, actor, executionId)).install;
  if (digest === parts?.files?.digest) return readFiles(deps.env.STORE, digest);
  const modules = [rewrittenDigest, parts?.relay?.digest, ...(parts?.modules.map((part) => part.digest) ?? [])];
  if (modules.includes(digest)) return readModule(deps.env.STORE, digest);
  throw new PlatformError("RECORDING_NOT_FOUND", `The recorded call "${executionId}" did not run ${digest}.`);
}
