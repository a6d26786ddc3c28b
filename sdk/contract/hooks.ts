import type { Permission, Role } from "./roles.ts";

/** Points at which plugins take part in what others do: hooks and middleware, and the order in which they come. */

/** Classes of priority: whatever is of a lower rank comes first, whatever its priority inside the class. */
export const PRIORITY_CLASSES = { infrastructure: 10, security: 20, middleware: 30, business: 40 } as const;

export type PriorityClass = keyof typeof PRIORITY_CLASSES;
export const PRIORITY_CLASS_NAMES = Object.keys(PRIORITY_CLASSES) as PriorityClass[]; // Object.keys loses the key type

/** Priority inside a class: lower comes first. */
export const PRIORITY = { default: 100, highest: 1_000 } as const;

/** `critical`: its failure ends the whole; `optional`: the others go on without. */
export const CRITICALITIES = ["critical", "optional"] as const;
export type Criticality = (typeof CRITICALITIES)[number];

/**
 * How the functions of a hook run. `waterfall`: one after the other, each with what the one before made of the payload;
 * `broadcast`: each with the payload as it came; `first-answer`: one after the other until one answers something.
 */
export const HOOK_MODES = ["waterfall", "broadcast", "first-answer"] as const;
export type HookMode = (typeof HOOK_MODES)[number];

export const HOOK_NAME_PATTERN = /^[a-z][a-z0-9-]*(:[a-z][a-z0-9-]*)+$/;
export const HOOK_NAME_LENGTH = 64;

export interface HookSpec {
  readonly title: string;
  /** Needed of who runs it, beside what running hooks takes. */
  readonly permission?: Permission;
  /** One of them is needed. */
  readonly roles?: readonly Role[];
  readonly mode: HookMode;
  /** Members that the payload must have, each with what it holds. */
  readonly payload: Readonly<Record<string, string>>;
}

/** Hooks that are built in. Any other name of the pattern is a hook of the tenant's own. */
export const HOOKS = {
  "file:process": {
    title: "a file passes through the plugins, each of which may change it",
    mode: "waterfall",
    payload: { name: "file name", contentType: "media type", content: "text, or base64 with `encoding`: `base64`" },
  },
  "data:analyze": {
    title: "plugins analyse the same data side by side",
    mode: "broadcast",
    payload: { data: "any JSON value" },
  },
  "export:generate": {
    title: "the first plugin that knows the format makes the export",
    mode: "first-answer",
    payload: { format: "name of the format, such as `csv`", data: "any JSON value" },
  },
} as const satisfies Record<string, HookSpec>;

export type BuiltInHook = keyof typeof HOOKS;
export const BUILT_IN_HOOKS = Object.keys(HOOKS) as BuiltInHook[]; // Object.keys loses the key type

/** @returns the row of a built-in hook, undefined for any other name */
export function builtInHook(name: string): HookSpec | undefined {
  return Object.hasOwn(HOOKS, name) ? HOOKS[name as BuiltInHook] : undefined; // an own key of the table
}

/** What stands in for a function that failed: a value, or another function with the same input. */
export type Fallback = { readonly value: unknown } | { readonly plugin: string; readonly function?: string };

/** What an operator sets for an install at one hook instead of what the manifest says; what is absent is as the manifest has it. */
export interface HookOverride {
  readonly class?: PriorityClass;
  readonly priority?: number;
  readonly criticality?: Criticality;
  /** Milliseconds. */
  readonly timeoutMs?: number;
  /** Null: none, whatever the manifest says. */
  readonly fallback?: Fallback | null;
  /** The install takes no part in the hook. */
  readonly disabled?: true;
}

/** By name of the hook. */
export type HookOverrides = Readonly<Record<string, HookOverride>>;

export interface Ordered {
  readonly class: PriorityClass;
  readonly priority: number;
  readonly pluginId: string;
}

/** Order of plugins at one point: class, priority inside it, then plugin id, so that it never depends on chance. */
export function inOrder(left: Ordered, right: Ordered): number {
  return (
    PRIORITY_CLASSES[left.class] - PRIORITY_CLASSES[right.class] ||
    left.priority - right.priority ||
    (left.pluginId < right.pluginId ? -1 : Number(left.pluginId > right.pluginId))
  );
}
