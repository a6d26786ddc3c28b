import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import type { Snapshot, SnapshotInstall } from "../../../worker/execution/snapshot.ts";

/** Values that tests vary by one field. */

export function sampleInstall(changes: Partial<SnapshotInstall> = {}): SnapshotInstall {
  return {
    installId: "01J00000000000000000000000",
    pluginId: "demo.greet",
    version: "1.0.0",
    state: "active",
    rewrittenDigest: "a".repeat(64),
    rewriterVersion: "1",
    moduleBytes: 100,
    functions: ["greet", "count"],
    defaultFunction: "greet",
    suspends: false,
    limits: DEFAULT_LIMITS,
    config: {},
    grants: {},
    ...changes,
  };
}

export function sampleSnapshot(installs: readonly SnapshotInstall[], changes: Partial<Snapshot> = {}): Snapshot {
  return {
    format: 1,
    tenantId: "demo",
    status: "active",
    revision: 1,
    compiledAt: 0,
    installs: Object.fromEntries(installs.map((install) => [install.pluginId, install])),
    keys: {},
    members: {},
    ...changes,
  };
}
