import { createHost, type TestHost } from "../testing/host.ts";
import type { BuildReport } from "./build-project.ts";

/** A built plugin on the platform's own host in this process, with all that its manifest asks for granted; what leaves goes out for real. */
export function openProjectHost(
  { manifest, module }: Pick<BuildReport, "manifest" | "module">,
  config: Readonly<Record<string, unknown>>,
): Promise<TestHost> {
  const grants = manifest.permissions.map(({ capability, hosts }) => [capability, hosts ? { hosts } : {}] as const);
  return createHost({
    plugin: module,
    grants: Object.fromEntries(grants),
    config,
    publishes: manifest.events.publishes,
    http: (request) => fetch(request),
  });
}
