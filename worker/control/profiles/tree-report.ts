import { MAIN_MODULE } from "../../../sdk/contract/linking.ts";
import { PROFILE_FUNCTIONS, type CallProfile } from "../../../sdk/contract/profile.ts";

/** How a frame is shown. */
export interface Frame {
  readonly name: string;
  /** Index of the function in its module, null for what is no function. */
  readonly index: number | null;
  /** Absent for the main module of a package. */
  readonly module?: string;
  readonly file?: string;
  readonly line?: number;
}

export interface ProfileNode extends Frame {
  /** Fuel of the path itself, and with all it called. */
  readonly self: number;
  readonly total: number;
  readonly calls: number;
  /** The dearest first. */
  readonly children: readonly ProfileNode[];
}

export interface ProfiledFunction extends Frame {
  /** Fuel of the function itself over all paths. */
  readonly self: number;
  /** Fuel while the function was somewhere on the stack, as far as the tree goes. */
  readonly total: number;
  readonly calls: number;
}

/** What names functions: modules in the order in which their functions are numbered; see store.ts. */
export interface FrameNames {
  readonly modules: readonly ModuleNames[];
}

export interface ModuleNames {
  readonly name: string;
  readonly names: readonly string[];
  readonly importedFunctions: number;
  readonly files: readonly string[];
  readonly places: readonly (readonly [file: number, line: number] | null)[];
}

/** The call as a whole. */
const CALL: Frame = { name: "[call]", index: null };
/** What PROFILE_LIMITS leaves out of the tree, in one. */
const REMAINDER: Frame = { name: "[deeper calls]", index: null };

export function frameOf({ modules }: FrameNames, number: number): Frame {
  if (number === PROFILE_FUNCTIONS.call) return CALL;
  if (number === PROFILE_FUNCTIONS.remainder) return REMAINDER;
  let first = 0;
  for (const module of modules) {
    if (number < first + module.names.length) return frameIn(module, number - first);
    first += module.names.length;
  }
  return { name: `func[${number}]`, index: number };
}

function frameIn({ name: module, names, importedFunctions, files, places }: ModuleNames, index: number): Frame {
  const name = names[index] ?? `func[${index}]`;
  const [file, line] = places[index - importedFunctions] ?? [];
  const path = file === undefined ? undefined : files[file];
  const place = path === undefined || line === undefined ? {} : { file: path, line };
  if (module === MAIN_MODULE) return { name, index, ...place };
  return { name: `${module}: ${name}`, index, module, ...place };
}

interface OpenNode extends Frame {
  self: number;
  total: number;
  calls: number;
  readonly children: OpenNode[];
}

/** The tree of call paths. Its depth is bounded by PROFILE_LIMITS. */
export function treeOf({ paths }: CallProfile, names: FrameNames): ProfileNode {
  const nodes = Array.from(paths.functions, (index, node): OpenNode => {
    const self = paths.self[node] ?? 0;
    return { ...frameOf(names, index), self, total: self, calls: paths.calls[node] ?? 0, children: [] };
  });
  // A parent stands before its children, so from the end every total is complete when it is added.
  for (let node = nodes.length - 1; node > 0; node--) {
    const [child, parent] = [nodes[node], nodes[paths.parents[node] ?? 0]];
    if (!child || !parent) continue;
    parent.total += child.total;
    parent.children.push(child);
  }
  for (const node of nodes) node.children.sort(dearestFirst);
  const [root = { ...CALL, self: 0, total: 0, children: [] }] = nodes;
  return { ...root, calls: 1 };
}

function dearestFirst(a: OpenNode, b: OpenNode): number {
  return b.total - a.total || (a.index ?? -1) - (b.index ?? -1);
}

/** Every function that was called, the one with most fuel of its own first. */
export function functionsOf(profile: CallProfile, names: FrameNames): ProfiledFunction[] {
  const totals = totalsOf(profile);
  const { functions, self, calls } = profile.functions;
  return Array.from(functions, (index, at) => ({
    ...frameOf(names, index),
    self: self[at] ?? 0,
    total: totals.get(index) ?? self[at] ?? 0,
    calls: calls[at] ?? 0,
  })).sort((a, b) => b.self - a.self || (a.index ?? 0) - (b.index ?? 0));
}

/** Adds up the outermost paths of each function: inner ones are in them already. */
function totalsOf({ paths }: CallProfile): Map<number, number> {
  const total = Float64Array.from(paths.self);
  for (let node = total.length - 1; node > 0; node--) {
    const parent = paths.parents[node] ?? 0;
    total[parent] = (total[parent] ?? 0) + (total[node] ?? 0);
  }
  const sums = new Map<number, number>();
  for (const [node, index] of paths.functions.entries()) {
    if (node === 0 || isInside(paths, node, index)) continue;
    sums.set(index, (sums.get(index) ?? 0) + (total[node] ?? 0));
  }
  return sums;
}

/** True where the function is on the path to the node already. */
function isInside({ functions, parents }: CallProfile["paths"], node: number, index: number): boolean {
  for (let at = parents[node] ?? 0; at !== 0; at = parents[at] ?? 0) if (functions[at] === index) return true;
  return false;
}

/** True where the tree leaves paths out. */
export function isTruncated({ paths }: CallProfile): boolean {
  return paths.functions.includes(PROFILE_FUNCTIONS.remainder);
}
