import { MAIN_MODULE } from "../../../sdk/contract/linking.ts";
import { PROFILE_FUNCTIONS, type CallPaths, type CallProfile } from "../../../sdk/contract/profile.ts";

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
  readonly places: readonly number[];
}

/** The call as a whole. */
const CALL: Frame = { name: "[call]", index: null };
/** What a path calls that is left out of the tree, in one. */
const REMAINDER: Frame = { name: "[other calls]", index: null };

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
  const at = 2 * (index - importedFunctions);
  const [path, line] = [files[places[at] ?? -1], places[at + 1]];
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

/** Most paths and functions that an answer shows; names can be long, and an isolate has 128 MB. */
export const SHOWN = { paths: 10_000, functions: 5_000 } as const;

/** The tree of call paths. Its depth is bounded by PROFILE_LIMITS; of more paths than are shown, the dearest are. */
export function treeOf({ paths }: CallProfile, names: FrameNames): ProfileNode {
  const totals = pathTotals(paths);
  const shown = shownPaths(paths, totals);
  const nodes = new Map<number, OpenNode>();
  const remainders = new Map<OpenNode, OpenNode>();
  for (const [node, number] of paths.functions.entries()) {
    const parent = node === 0 ? undefined : nodes.get(paths.parents[node] ?? 0);
    if (node > 0 && !parent) continue;
    const [self = 0, total = 0, calls = 0] = [paths.self[node], totals[node], paths.calls[node]];
    if (!shown.has(node)) {
      if (parent) addTo(remainderOf(parent, remainders), total, calls);
      continue;
    }
    const open: OpenNode = { ...frameOf(names, number), self, total, calls, children: [] };
    nodes.set(node, open);
    parent?.children.push(open);
  }
  for (const node of nodes.values()) node.children.sort(dearestFirst);
  const root = nodes.get(0) ?? { ...CALL, self: 0, total: 0, children: [] };
  return { ...root, calls: 1 };
}

/** Fuel of each path with all below it. A parent stands before its children, so from the end every sum is complete. */
function pathTotals({ self, parents }: CallPaths): Float64Array {
  const totals = Float64Array.from(self);
  for (let node = totals.length - 1; node > 0; node--) {
    const parent = parents[node] ?? 0;
    totals[parent] = (totals[parent] ?? 0) + (totals[node] ?? 0);
  }
  return totals;
}

/** A parent has no less than any child, and stands before it: so it is shown wherever the child is. */
function shownPaths({ functions }: CallPaths, totals: Float64Array): ReadonlySet<number> {
  const kept = Array.from(totals.keys()).filter((node) => functions[node] !== PROFILE_FUNCTIONS.remainder);
  kept.sort((a, b) => (totals[b] ?? 0) - (totals[a] ?? 0) || a - b);
  return new Set(kept.slice(0, SHOWN.paths));
}

function remainderOf(parent: OpenNode, remainders: Map<OpenNode, OpenNode>): OpenNode {
  const known = remainders.get(parent);
  if (known) return known;
  const remainder: OpenNode = { ...REMAINDER, self: 0, total: 0, calls: 0, children: [] };
  remainders.set(parent, remainder);
  parent.children.push(remainder);
  return remainder;
}

/** Only direct calls count as calls: how often what is below was called is not shown. */
function addTo(remainder: OpenNode, total: number, calls: number): void {
  remainder.self += total;
  remainder.total += total;
  remainder.calls += calls;
}

function dearestFirst(a: OpenNode, b: OpenNode): number {
  return b.total - a.total || (a.index ?? -1) - (b.index ?? -1);
}

/** Functions that were called, the one with most fuel of its own first. */
export function functionsOf(profile: CallProfile, names: FrameNames): ProfiledFunction[] {
  const totals = totalsOf(profile);
  const { functions, self, calls } = profile.functions;
  const order = Array.from(functions.keys()).sort((a, b) => (self[b] ?? 0) - (self[a] ?? 0) || a - b);
  return order.slice(0, SHOWN.functions).map((at) => {
    const number = functions[at] ?? 0;
    const own = self[at] ?? 0;
    return { ...frameOf(names, number), self: own, total: totals.get(number) ?? own, calls: calls[at] ?? 0 };
  });
}

/** Adds up the outermost paths of each function: inner ones are in them already. */
function totalsOf({ paths }: CallProfile): Map<number, number> {
  const total = pathTotals(paths);
  const sums = new Map<number, number>();
  for (const [node, index] of paths.functions.entries()) {
    if (node === 0 || isInside(paths, node, index)) continue;
    sums.set(index, (sums.get(index) ?? 0) + (total[node] ?? 0));
  }
  return sums;
}

/** True where the function is on the path to the node already. */
function isInside({ functions, parents }: CallPaths, node: number, index: number): boolean {
  for (let at = parents[node] ?? 0; at !== 0; at = parents[at] ?? 0) if (functions[at] === index) return true;
  return false;
}

/** True where the tree leaves paths out. */
export function isTruncated({ paths }: CallProfile): boolean {
  return paths.functions.length > SHOWN.paths || paths.functions.includes(PROFILE_FUNCTIONS.remainder);
}
