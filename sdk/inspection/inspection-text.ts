import { LIMITS, type LimitName } from "../contract/limits.ts";
import type { Manifest } from "../contract/manifest.ts";
import type { Finding, ModuleImport } from "../contract/package-report.ts";
import type { Inspection, InspectedVersion, InspectionProblem } from "./inspection.ts";

type Row = readonly [string, string];

/** The limits that a call of the plugin begins with where nobody narrows them, by name. */
export function limitsOf({ limits }: Pick<Manifest, "limits">): Readonly<Record<LimitName, number>> {
  const names = Object.keys(LIMITS) as LimitName[]; // Object.keys loses the key type
  return Object.fromEntries(names.map((name) => [name, limits[name] ?? LIMITS[name].default])) as Record<
    LimitName,
    number
  >; // Object.fromEntries loses the key type
}

/** Rows of a table: what an upload of the package would say. */
export function rowsOf(inspection: Inspection & { readonly accepted: true }): Row[] {
  const { manifest, version } = inspection;
  const { rewriting } = version;
  return [
    ["plugin", `${version.pluginId} ${version.version}`],
    ["package", `${bytesText(version.packageBytes)}, SHA-256 ${version.packageDigest}`],
    [
      "module",
      `${bytesText(version.moduleBytes)}, made by ${version.producers.join(", ") || "tools that leave no name"}`,
    ],
    ["functions", version.functions.join(", ")],
    ["imports", importsText(version.imports)],
    ["permissions", permissionsText(manifest)],
    ["needed", version.capabilities.join(", ") || "no capability"],
    ["features", version.features.join(", ") || "those of WebAssembly 1.0"],
    ["memory", memoryText(version)],
    ["metered", `${bytesText(rewriting.bytes)}, ${rewriting.checks} checks in ${rewriting.functions} functions`],
    ["rewriter", `${rewriting.rewriterVersion}, costs ${rewriting.costTableVersion}, fuel in a ${rewriting.backend}`],
    ["limits", limitsText(manifest)],
    ...version.modules.map((module): Row => [`+ ${module.name}`, `${module.path}, ${bytesText(module.moduleBytes)}`]),
    ...(version.files ? [["files", `${version.files.paths.length}, ${bytesText(version.files.bytes)}`] as const] : []),
    ["scan", `${version.scan.verdict} (scanner ${version.scan.scannerVersion})`],
  ];
}

/** One line for each finding, most severe first. */
export function findingLines(findings: readonly Finding[]): string[] {
  return findings.map(({ severity, rule, message, evidence }) =>
    `${severity.padEnd(8)}  ${rule}: ${message}${evidence === "" ? "" : ` (${evidence})`}`.trimEnd(),
  );
}

/** Why an upload would be refused. */
export function refusalLines({ code, detail, issues = [], findings = [] }: InspectionProblem): string[] {
  return [
    `refused: ${code}: ${detail}`,
    ...issues.map(({ path, message }) => `  ${path === "" ? "/" : path}: ${message}`),
    ...findingLines(findings).map((line) => `  ${line}`),
  ];
}

function importsText(imports: readonly ModuleImport[]): string {
  const byModule = Map.groupBy(imports, ({ module }) => module);
  const parts = [...byModule].map(([module, items]) => `${module}: ${items.map(({ name }) => name).join(", ")}`);
  return parts.join("; ") || "nothing";
}

function permissionsText({ permissions }: Manifest): string {
  const parts = permissions.map(({ capability, hosts }) =>
    hosts ? `${capability} (${hosts.join(", ")})` : capability,
  );
  return parts.join(", ") || "none asked for";
}

function memoryText({ memory, rewriting }: InspectedVersion): string {
  return `${memory.minimumPages} pages at the start, ${rewriting.memoryPages} at most`;
}

function limitsText(manifest: Manifest): string {
  return Object.entries(limitsOf(manifest))
    .map(([name, value]) => `${name} ${amountText(value, LIMITS[name as LimitName].unit)}`) // names of the same table
    .join(", ");
}

function amountText(value: number, unit: string): string {
  if (unit === "bytes") return bytesText(value);
  return unit === "ms" ? `${value} ms` : value.toLocaleString("en-US");
}

/** As few digits as tell sizes apart. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  return kib < 1024 ? `${trimmed(kib)} KiB` : `${trimmed(kib / 1024)} MiB`;
}

function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, "");
}
