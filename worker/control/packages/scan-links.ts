import type { Finding } from "../../../sdk/contract/package-report.ts";
import { typeThatCannotCross } from "../../execution/linking/signature.ts";
import type { ImportReport } from "../../execution/metering/inspect.ts";
import { finding } from "./scan-rules.ts";
import { placeOf, subjectOf, type ScannedModule } from "./scanned-module.ts";

/** What is wrong with a module's import from another module of its package; undefined where nothing is. */
export function scanLink(importer: ScannedModule, item: ImportReport, target: ScannedModule): Finding | undefined {
  const full = `${item.module}.${item.name}`;
  const place = placeOf(importer, `import ${full}`);
  const subject = subjectOf(importer);
  if (item.kind !== "function") {
    return finding(
      "import-kind",
      `${subject} imports the ${item.kind} ${full}; modules of a package may import only functions from each other.`,
      place,
    );
  }
  const found = target.report.exports.find(({ name }) => name === item.name);
  if (found?.kind !== "function") {
    const instead = found === undefined ? "exports nothing of that name" : `exports a ${found.kind} of that name`;
    return finding(
      "import-unresolved",
      `${subject} imports the function ${full} as ${item.type ?? "?"}; the package's module "${item.module}" ${instead}.`,
      place,
    );
  }
  if (found.type !== item.type) {
    return finding(
      "import-signature",
      `${subject} imports ${full} as ${item.type ?? "?"}; it is ${found.type ?? "?"}.`,
      place,
    );
  }
  const foreign = typeThatCannotCross(found.type ?? "");
  if (foreign === undefined) return undefined;
  return finding(
    "import-signature",
    `${subject} imports ${full} as ${found.type ?? "?"}; values of type ${foreign} cannot pass from one module to another.`,
    place,
  );
}

/** Modules that were packed and named, and that nothing can reach. */
export function scanUnusedModules(modules: readonly ScannedModule[]): Finding[] {
  const imported = new Set(modules.flatMap(({ report }) => report.imports.map((item) => item.module)));
  return modules
    .slice(1)
    .filter(({ name }) => !imported.has(name))
    .map((module) =>
      finding("module-unused", `No module of the package imports from "${module.name}".`, `file ${module.path}`),
    );
}
