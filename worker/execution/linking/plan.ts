import { MAIN_MODULE } from "../../../sdk/contract/linking.ts";
import type { ModuleReport } from "../metering/inspect.ts";
import type { RelayedFunction } from "./relay.ts";

/** A module of a package under the name that others import from. */
export interface NamedModule {
  readonly name: string;
  readonly report: ModuleReport;
}

export interface LinkPlan {
  /** Names of all modules: each behind those it imports from, except in circles. */
  readonly order: readonly string[];
  /** Functions that are imported before their module exists, each once. */
  readonly relayed: readonly RelayedFunction[];
}

/**
 * Decides in which order a package's modules are instantiated and initialised, and which imports need the relay.
 *
 * @param modules  whose imports from each other have been checked; in the order of the manifest
 */
export function planLinks(modules: readonly NamedModule[]): LinkPlan {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const order: string[] = [];
  const visited = new Set<string>();
  const visit = (name: string): void => {
    const module = byName.get(name);
    if (module === undefined || visited.has(name)) return;
    visited.add(name);
    for (const { module: target } of module.report.imports) visit(target);
    order.push(name);
  };
  visit(MAIN_MODULE);
  for (const { name } of modules) visit(name);
  return { order, relayed: relayedFunctions(modules, order) };
}

function relayedFunctions(modules: readonly NamedModule[], order: readonly string[]): RelayedFunction[] {
  const relayed = new Map<string, RelayedFunction>();
  for (const { name: importer, report } of modules) {
    for (const { module, name, type } of report.imports) {
      const isLater = order.indexOf(module) >= order.indexOf(importer);
      if (isLater && type !== undefined) relayed.set(`${module}#${name}`, { module, name, type });
    }
  }
  return [...relayed.values()];
}

/** What a module may take of what the package shares. */
export interface ModuleShare {
  /** Pages its memories may have while no other module's grow. */
  readonly memoryPages: number;
  readonly tableElements: number;
}

export interface CapacityPlan {
  readonly shares: readonly ModuleShare[];
  /** Pages by which all memories may grow together. */
  readonly sparePages: number;
}

/**
 * Divides the package's limits among its modules. Memory is shared while the plugin runs; what tables may grow by is
 * divided evenly, since hardly any grows.
 *
 * @param limits  of all modules together; `memoryPages` is at least what they start with
 */
export function planCapacity(reports: readonly ModuleReport[], limits: ModuleShare): CapacityPlan {
  const startPages = reports.map(pagesAtStart);
  const startElements = reports.map(elementsAtStart);
  const sparePages = Math.max(0, limits.memoryPages - sum(startPages));
  const spareElements = Math.max(0, limits.tableElements - sum(startElements));
  const elementShare = Math.floor(spareElements / reports.length);
  return {
    sparePages,
    shares: reports.map((_report, at) => ({
      memoryPages: (startPages[at] ?? 0) + sparePages,
      tableElements: (startElements[at] ?? 0) + elementShare,
    })),
  };
}

function pagesAtStart({ memories }: ModuleReport): number {
  return sum(memories.map(({ minPages }) => minPages));
}

function elementsAtStart({ tables }: ModuleReport): number {
  return sum(tables.map(({ min }) => min));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
