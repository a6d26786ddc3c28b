/** What a plugin's `health_check` answered: JSON where it is some, and whether it says that the plugin is well. */
export function readHealthReport(output: Uint8Array | undefined): {
  readonly report: unknown;
  readonly isHealthy: boolean;
} {
  const report = parse(output);
  const saysNo = typeof report === "object" && report !== null && "healthy" in report && report.healthy === false;
  return { report, isHealthy: !saysNo };
}

function parse(output: Uint8Array | undefined): unknown {
  if (!output || output.byteLength === 0) return null;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(output));
  } catch {
    return null; // a report is for people; what is not JSON says no more than that the function returned
  }
}
