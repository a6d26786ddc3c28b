/**
 * Roles of files, from the highest layer to the lowest: a file may import its own layer and those below. First match wins,
 * so that the exact names come before the patterns.
 */
export const LAYERS = ["composition", "edge", "action", "adapter", "pure", "kernel"] as const;
export type Layer = (typeof LAYERS)[number];

const ROLES: readonly (readonly [RegExp, Layer])[] = [
  [/^worker\/(index|app|deps|schedule|queues|routes|workflows|nested-calls)\.ts$/, "composition"],
  [/^worker\/execution\/sandbox\//, "pure"],
  [
    /^worker\/execution\/(metering\/|(resolve|admit|canary|settle|snapshot|isolate-book|call-streams|lanes|slots|request-budget|call-ledger)\.ts$)/,
    "pure",
  ],
  [
    /^worker\/execution\/(recording|idempotency|bus|breaker)\/(([a-z-]+-)?rules|codec|comparison|envelope|key-ring|recording|replayed-calls|retry)\.ts$/,
    "pure",
  ],
  [/^worker\/execution\/(idempotency|bus|breaker)\//, "adapter"],
  [/^worker\/execution\/linking\//, "pure"],
  [/^worker\/execution\/(invoke|fan-out|fallback|fresh-request)\.ts$/, "action"],
  [/^worker\/execution\/[a-z-]+(\.generated)?\.(ts|wasm)$/, "adapter"],
  [/^worker\/execution\/capabilities\/([a-z-]+\/)?([a-z-]+-)?(grant|rules|quotas)\.ts$/, "pure"],
  [
    /^worker\/execution\/capabilities\/(index|capability|services|[a-z-]+\/([a-z-]+-)?(host|store|client|egress))\.ts$/,
    "adapter",
  ],
  [/^worker\/control\/packages\/(archive|scan)\//, "pure"],
  [/^worker\/control\/compile\.ts$/, "action"],
  [
    /^worker\/control\/([a-z-]+\/){0,2}(([a-z-]+-)?(rules|schema|record|report|codes|form)|encoding|scan[a-z-]*)\.ts$/,
    "pure",
  ],
  [/^worker\/control\/([a-z-]+\/){1,2}([a-z-]+-)?routes\.ts$/, "edge"],
  [/^worker\/control\/([a-z-]+\/){1,2}(actions\.ts|actions\/)/, "action"],
  [/^worker\/control\/[a-z-]+\/(([a-z-]+-)?store|probes)\.ts$/, "adapter"],
  [/^worker\/(http|dashboard)\//, "edge"],
  [/^worker\/email\/mime-rules\.ts$/, "pure"],
  [/^worker\/email\//, "adapter"],
  [/^worker\/jobs\//, "action"],
  [/^worker\/db\//, "adapter"],
  [/^worker\/lib\//, "kernel"],
  [/^worker\/[a-z-]+\.d\.ts$/, "kernel"],
  [/^durable-objects\/[a-z-]+\/(object|client|state|[a-z-]+-sizes)\.ts$/, "adapter"],
  [/^durable-objects\/[a-z-]+\/([a-z-]+-)?rules\.ts$/, "pure"],
  [/^sdk\/contract\//, "kernel"],
];

/** @returns the layer of a file of worker, durable-objects or sdk/contract; undefined where the name has no role */
export function layerOf(file: string): Layer | undefined {
  return ROLES.find(([pattern]) => pattern.test(file))?.[1];
}

/** True where a file of layer `from` may import one of layer `to`. */
export function mayImport(from: Layer, to: Layer): boolean {
  return LAYERS.indexOf(from) <= LAYERS.indexOf(to);
}
