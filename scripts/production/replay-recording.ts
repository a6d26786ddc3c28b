import { PlatformError } from "../../sdk/contract/errors.ts";
import { MAIN_MODULE } from "../../sdk/contract/linking.ts";
import type { LocalReplay, ReplayedRun, ReplaySource } from "../../sdk/replay/replay.ts";
import type { Compile } from "../../sdk/testing/production-program.ts";
import { readCode, type PluginCode } from "../../worker/execution/isolate-code.ts";
import { REWRITER_VERSION } from "../../worker/execution/metering/rewrite.ts";
import { filesKey, moduleKey } from "../../worker/execution/module-store.ts";
import { decodeRecording } from "../../worker/execution/recording/codec.ts";
import { compareRuns, type Run } from "../../worker/execution/recording/comparison.ts";
import { recordedTarget, recordOutcome, type Recording } from "../../worker/execution/recording/recording.ts";
import { ReplayedCalls } from "../../worker/execution/recording/replayed-calls.ts";
import { SANDBOX_DIGEST } from "../../worker/execution/sandbox-program.generated.ts";
import { describePlugin } from "../../worker/execution/sandbox/plugin-module.ts";
import { describePackage, standAlone, type PluginPackage } from "../../worker/execution/sandbox/plugin-package.ts";
import { runCall } from "../../worker/execution/sandbox/run-call.ts";
import { sha256Hex } from "../../worker/lib/hex.ts";
import { localParts } from "./local-parts.ts";
import { memoryBucket } from "./memory-bucket.ts";
import { rewrittenModule } from "./rewritten-module.ts";

/**
 * Runs a recorded call again as the platform's own replay does (worker/control/executions/replay/actions.ts), in this process: capabilities
 * answer from the recording, and nobody is asked.
 *
 * @throws {PlatformError} RECORDING_UNREADABLE; RECORDING_NOT_FOUND where the answers of capabilities were too large to record;
 *   what an upload of the module that stands in would be refused for
 */
export async function replayRecording(source: ReplaySource, compile: Compile): Promise<LocalReplay> {
  const recording = decodeRecording(source.recording);
  const { install, call, exchanges } = recording;
  if (!exchanges) {
    const detail = `The capability calls of "${call.executionId}" were too large to record, so it cannot be run again.`;
    throw new PlatformError("RECORDING_NOT_FOUND", detail);
  }
  const { plugin, sameModule } = await openRecorded(recording, source, compile);
  const calls = new ReplayedCalls(exchanges);
  const outcome = await runCall(await localParts(plugin, compile), call, plugin.plugin.suspends ? calls : undefined);
  const recorded: Run = {
    versions: { sandboxDigest: recording.sandboxDigest, rewriterVersion: install.rewriterVersion },
    outcome: recording.outcome,
  };
  const replayed: Run = {
    versions: {
      sandboxDigest: SANDBOX_DIGEST,
      rewriterVersion: sameModule ? install.rewriterVersion : REWRITER_VERSION,
    },
    outcome: await recordOutcome(outcome),
  };
  const differences = compareRuns(recorded, replayed, calls.difference).map((difference) =>
    sameModule ? difference : { ...difference, because: "Another build of the plugin ran." },
  );
  return {
    executionId: call.executionId,
    pluginId: install.pluginId,
    version: install.version,
    functionName: call.functionName,
    capturedFor: recording.capturedFor,
    sameModule,
    same: differences.length === 0,
    differences,
    recorded: show(recorded),
    replayed: show(replayed),
  };
}

interface Opened {
  readonly plugin: PluginPackage;
  readonly sameModule: boolean;
}

async function openRecorded(recording: Recording, source: ReplaySource, compile: Compile): Promise<Opened> {
  const { install, call } = recording;
  if (source.plugin) {
    const module = rewrittenModule(source.plugin, call.limits);
    const sameModule = (await sha256Hex(module)) === install.rewrittenDigest;
    return { plugin: standAlone(describePlugin(await compile(module))), sameModule };
  }
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  const keep = async (key: string, digest: string): Promise<void> =>
    void contents.set(key, Uint8Array.from(await source.part(digest)));
  const { parts, rewrittenDigest } = install;
  const modules = [rewrittenDigest, ...(parts?.modules ?? []).map(({ digest }) => digest)];
  for (const digest of new Set(parts?.relay ? [...modules, parts.relay.digest] : modules)) {
    await keep(moduleKey(digest), digest);
  }
  if (parts?.files) await keep(filesKey(parts.files.digest), parts.files.digest);
  const code = await readCode(memoryBucket(contents), recordedTarget(recording));
  return { plugin: await compilePackage(code, compile), sameModule: true };
}

async function compilePackage({ main, parts }: PluginCode, compile: Compile): Promise<PluginPackage> {
  const plugin = describePlugin(await compile(main));
  if (!parts) return standAlone(plugin);
  const modules: [string, WebAssembly.Module][] = [];
  for (const { name, bytes } of parts.modules) {
    modules.push([name, name === MAIN_MODULE || !bytes ? plugin.module : await compile(bytes)]);
  }
  return describePackage(plugin, {
    modules,
    sparePages: parts.sparePages,
    ...(parts.relay ? { relay: await compile(parts.relay) } : {}),
    ...(parts.files ? { files: parts.files.buffer } : {}),
  });
}

function show({ versions, outcome }: Run): ReplayedRun {
  const { output, failure, usage, logs } = outcome;
  return {
    ...versions,
    output: output ?? null,
    failure: failure ? { code: failure.code, detail: failure.detail } : null,
    ...usage,
    logs,
  };
}
