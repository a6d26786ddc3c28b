import process from "node:process";
import { languageChecks, nodeCheck, platformChecks, runtimeCheck } from "../../diagnosis/checks.ts";
import { EXIT, show, type OutputOptions } from "../output.ts";
import { progress } from "../progress.ts";

/** Says what of this machine and of the platform is as it should be. Ends with 1 where anything is a problem. */
export async function doctor(sdkVersion: string, options: OutputOptions): Promise<void> {
  const checks = await progress("looking", options.json ?? false, async () => [
    nodeCheck(process.versions.node),
    { name: "SDK", status: "ok", detail: sdkVersion } as const,
    await runtimeCheck(),
    ...(await languageChecks(process.cwd())),
    ...(await platformChecks()),
  ]);
  const width = Math.max(...checks.map(({ name }) => name.length));
  const healthy = checks.every(({ status }) => status !== "problem");
  show(
    { healthy, checks },
    checks.map(({ name, status, detail }) => `${status.padEnd(7)}  ${name.padEnd(width)}  ${detail}`),
    options,
  );
  if (!healthy) process.exitCode = EXIT.failure;
}
