import { capabilityForImport, CAPABILITIES, type Capability } from "../../../sdk/contract/capabilities.ts";
import {
  HOST_FUNCTIONS,
  HOST_MODULE,
  isKnownImport,
  KERNEL_FUNCTIONS,
  LEGACY_MODULE,
  LEGACY_PREFIX,
} from "../../../sdk/contract/extism-abi.ts";
import { WASM_PAGE_BYTES } from "../../../sdk/contract/limits.ts";
import type { Manifest } from "../../../sdk/contract/manifest.ts";
import type { Finding } from "../../../sdk/contract/package-report.ts";
import type { ImportReport, ModuleReport } from "../../execution/metering/inspect.ts";
import { callableFunctions, memoryPagesOf, requiredCapabilities } from "./module-report.ts";
import { profileData } from "./scan-entropy.ts";
import { scanLink } from "./scan-links.ts";
import { placeOf, subjectOf, type ScannedModule } from "./scanned-module.ts";
import { finding } from "./scan-rules.ts";
import { findTexts, TEXT_SCAN_MAX_BYTES } from "./scan-text.ts";

/** Findings about the module itself. */

/** Below this, dense data is an icon or a table; above, a module hides what it does. */
const DENSE_MIN_BYTES = 256 * 1024;
const DENSE_SHARE = 0.8;
const EXPORT_NAME_MAX = 256;
const DATA_SECTION = 11;

/** @param modules  all of the package, from which it may import */
export function scanImports(module: ScannedModule, modules: readonly ScannedModule[]): Finding[] {
  return module.report.imports.flatMap((item) => {
    const target = modules.find(({ name }) => name === item.module);
    const found = target === undefined ? scanHostImport(module, item) : scanLink(module, item, target);
    return found === undefined ? [] : [found];
  });
}

function scanHostImport(importer: ScannedModule, item: ImportReport): Finding | undefined {
  const name = `${item.module}.${item.name}`;
  const place = placeOf(importer, `import ${name}`);
  const subject = subjectOf(importer);
  if (item.kind !== "function") {
    return finding("import-kind", `${subject} imports a ${item.kind}; plugins may import functions only.`, place);
  }
  if (!isKnownImport(item.module, item.name)) return finding("import-unknown", unknownImport(subject, item), place);
  const expected = signatureOf(item);
  if (expected === undefined || item.type === undefined || item.type === expected) return undefined;
  return finding("import-signature", `${subject} imports ${name} as ${item.type}; it is ${expected}.`, place);
}

function unknownImport(subject: string, { module, name }: ImportReport): string {
  const capability = capabilityForImport(module, name);
  return capability === undefined
    ? `${subject} imports the function "${name}" of "${module}", which this platform does not have.`
    : `${subject} imports "${name}" of "${module}" for the capability ${capability} (${CAPABILITIES[capability].title}), which this platform does not offer yet.`;
}

function signatureOf({ module, name }: ImportReport): string | undefined {
  const bare = module === LEGACY_MODULE ? name.slice(LEGACY_PREFIX.length) : name;
  if (module !== HOST_MODULE && module !== LEGACY_MODULE) return undefined;
  const table: Readonly<Record<string, string>> = { ...KERNEL_FUNCTIONS, ...HOST_FUNCTIONS };
  return table[bare];
}

/** @param reports  of all modules: they share what is granted */
export function scanCapabilities(reports: readonly ModuleReport[], manifest: Manifest): Finding[] {
  const imports = reports.flatMap((report) => report.imports);
  const needed = requiredCapabilities({ imports });
  const asked = manifest.permissions.map((permission) => permission.capability);
  const importsFor = (capability: Capability): string =>
    imports
      .filter((item) => capabilityForImport(item.module, item.name) === capability)
      .map((item) => `${item.module}.${item.name}`)
      .join(", ");
  return [
    ...needed
      .filter((capability) => !asked.includes(capability))
      .map((capability) =>
        finding(
          "capability-undeclared",
          `The module needs the capability ${capability}, which the manifest does not ask for; its calls will be refused.`,
          `import ${importsFor(capability)}`,
        ),
      ),
    ...asked
      .filter((capability) => !needed.includes(capability))
      .map((capability) =>
        finding(
          "capability-unused",
          `The manifest asks for the capability ${capability}, which the module never uses.`,
          `manifest.json /permissions/${asked.indexOf(capability)}`,
        ),
      ),
  ];
}

/** @param memoryPages  pages that the linear memories of all modules may have together */
export function scanMemory(reports: readonly ModuleReport[], memoryPages: number): Finding[] {
  const { minimumPages } = memoryPagesOf({ memories: reports.flatMap(({ memories }) => memories) });
  if (minimumPages <= memoryPages) return [];
  const [needs, allowed] = [minimumPages * WASM_PAGE_BYTES, memoryPages * WASM_PAGE_BYTES];
  const [subject, whose] = reports.length === 1 ? ["The module needs", "its"] : ["The modules need", "their"];
  return [
    finding(
      "memory-minimum",
      `${subject} ${needs} bytes of memory to start; ${whose} limit is ${allowed} (manifest limits.memory).`,
      `memory section, ${minimumPages} pages`,
    ),
  ];
}

/** Only functions of the main module, the first of the reports, can be called. */
export function scanFunctions([report]: readonly ModuleReport[]): Finding[] {
  if (report === undefined || callableFunctions(report).length > 0) return [];
  return [
    finding(
      "export-none",
      "The module exports no function of type () -> () or () -> i32, so there is nothing to call.",
      `${report.exports.length} exports`,
    ),
  ];
}

export function scanShape(module: ScannedModule): Finding[] {
  const { report } = module;
  const subject = subjectOf(module);
  const findings: Finding[] = [];
  for (const { name } of report.exports.filter((item) => isOddName(item.name))) {
    findings.push(
      finding(
        "export-name-odd",
        "An export has a name that no compiler gives.",
        placeOf(module, `export ${JSON.stringify(name.slice(0, 64))}`),
      ),
    );
  }
  if (report.start) {
    findings.push(
      finding(
        "start-function",
        `${subject} has a start function; it runs before each call.`,
        placeOf(module, "start section"),
      ),
    );
  }
  if (!report.customSections.some(({ name }) => name === "name") && report.functions > 0) {
    findings.push(
      finding(
        "names-stripped",
        `${subject} has no name section; its traces show numbers for functions.`,
        placeOf(module, "custom sections"),
      ),
    );
  }
  return findings;
}

function isOddName(name: string): boolean {
  return name.length === 0 || name.length > EXPORT_NAME_MAX || /[^\p{L}\p{N}\p{P}\p{S} ]/u.test(name);
}

export function scanData(module: Uint8Array, path: string): Finding[] {
  const data = dataSection(module);
  const { bytes, dense } = profileData([data]);
  const findings = findTexts(data, `${path}, data section`);
  if (dense >= DENSE_MIN_BYTES && dense >= bytes * DENSE_SHARE) {
    const share = Math.round((100 * dense) / bytes);
    findings.push(
      finding(
        "data-packed",
        `${share} % of the module's data looks compressed or encrypted; what it does cannot be told from it.`,
        `${path}, data section of ${bytes} bytes`,
      ),
    );
  }
  if (data.length > TEXT_SCAN_MAX_BYTES) {
    findings.push(
      finding(
        "data-unscanned",
        `Only the first ${TEXT_SCAN_MAX_BYTES} bytes of data were searched for secrets.`,
        `${path}, data section of ${data.length} bytes`,
      ),
    );
  }
  return findings;
}

/** Contents of the data section (WebAssembly core 5.5.14) of a module that was inspected already; empty without one. */
export function dataSection(module: Uint8Array): Uint8Array {
  for (let offset = 8; offset < module.length;) {
    const id = module[offset];
    let [size, shift, byte] = [0, 0, 0x80];
    for (offset++; byte & 0x80 && shift < 35; shift += 7, offset++) {
      byte = module[offset] ?? 0;
      size += (byte & 0x7f) * 2 ** shift;
    }
    if (id === DATA_SECTION) return module.subarray(offset, offset + size);
    offset += size;
  }
  return new Uint8Array(0);
}
