import * as v from "valibot";
import {
  BUILT_IN_HOOKS,
  CRITICALITIES,
  HOOK_MODES,
  HOOK_NAME_LENGTH,
  HOOK_NAME_PATTERN,
  HOOKS,
  PRIORITY_CLASS_NAMES,
} from "../../../sdk/contract/hooks.ts";
import type { HookOffer, Offers } from "../../../sdk/contract/offers.ts";
import { modeFor, type Step } from "./rules.ts";

export const HookParams = v.object({
  hook: v.pipe(
    v.string(),
    v.maxLength(HOOK_NAME_LENGTH, `must be at most ${HOOK_NAME_LENGTH} characters`),
    v.regex(HOOK_NAME_PATTERN, "must be a hook such as file:process"),
  ),
});

const mode = v.picklist(HOOK_MODES, `must be one of ${HOOK_MODES.join(", ")}`);

export const FireBody = v.strictObject({
  payload: v.optional(v.pipe(v.unknown(), v.description("Any JSON value; built-in hooks ask for members"))),
  mode: v.optional(v.pipe(mode, v.description("Absent: as the hook says"))),
});

export type FireInput = v.InferOutput<typeof FireBody>;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const StepAnswer = v.object({
  pluginId: v.string(),
  version: v.string(),
  functionName: v.string(),
  criticality: v.picklist(CRITICALITIES),
  status: v.pipe(
    v.picklist(["succeeded", "replaced", "failed", "skipped"]),
    v.description("`replaced`: it failed and its fallback stands in; `skipped`: it was not run"),
  ),
  executionId: v.optional(v.string()),
  code: v.pipe(v.optional(v.string()), v.description("Error code of the failure, also where a fallback stands in")),
  detail: v.optional(v.string()),
  fallback: v.pipe(v.optional(v.string()), v.description("`value`, or the plugin that stood in")),
  durationMs: count,
  fuel: count,
});

export type StepAnswer = v.InferInput<typeof StepAnswer>;

export const FireAnswer = v.object({
  hook: v.string(),
  mode,
  value: v.pipe(
    v.unknown(),
    v.description(
      "waterfall: the payload after the last function; broadcast: `{ pluginId, functionName, output }` of each function " +
        "that answered; first-answer: the answer, null where there was none",
    ),
  ),
  steps: v.pipe(v.array(StepAnswer), v.description("Every function of the hook, in order")),
  durationMs: count,
  fuel: count,
});

/** A step without its output, which is part of the value. */
export function describeStep({ offer, failure, fallback, executionId, ...step }: Step, version: string): StepAnswer {
  return {
    pluginId: offer.pluginId,
    version,
    functionName: offer.functionName,
    criticality: offer.criticality,
    status: step.status,
    ...(executionId === undefined ? {} : { executionId }),
    ...(failure ? { code: failure.code, detail: failure.detail } : {}),
    ...(fallback === undefined ? {} : { fallback }),
    durationMs: step.durationMs,
    fuel: step.fuel,
  };
}

const HookAnswer = v.object({
  name: v.string(),
  title: v.pipe(v.nullable(v.string()), v.description("Null for a hook of the tenant's own")),
  mode,
  payload: v.pipe(v.record(v.string(), v.string()), v.description("Members that the payload must have")),
  functions: v.array(
    v.object({
      pluginId: v.string(),
      functionName: v.string(),
      class: v.picklist(PRIORITY_CLASS_NAMES),
      priority: count,
      criticality: v.picklist(CRITICALITIES),
      timeoutMs: v.optional(count),
      fallback: v.optional(v.unknown()),
      permission: v.optional(v.string()),
      roles: v.optional(v.array(v.string())),
      disabled: v.pipe(v.boolean(), v.description("The operator took it out: it does not run")),
      from: v.pipe(
        v.record(v.string(), v.picklist(["manifest", "install"])),
        v.description("Where each value comes from: the version's manifest, or what the operator set for the install"),
      ),
    }),
  ),
});

export const HooksAnswer = v.object({ items: v.array(HookAnswer) });

const OVERRIDABLE = ["class", "priority", "criticality", "timeoutMs", "fallback", "disabled"] as const;

function describeOffer({ mode: _asked, set = [], roles, ...offer }: HookOffer) {
  const disabled = offer.disabled === true;
  const shown = OVERRIDABLE.filter((name) => set.includes(name) || (name !== "disabled" && offer[name] !== undefined));
  const from = Object.fromEntries(
    shown.map((name) => [name, set.includes(name) ? ("install" as const) : ("manifest" as const)]),
  );
  return { ...offer, ...(roles ? { roles: [...roles] } : {}), disabled, from };
}

/** Built-in hooks, and those that active plugins attach to, by name. */
export function describeHooks({ hooks = {} }: Offers): v.InferInput<typeof HooksAnswer> {
  const names = [...new Set([...BUILT_IN_HOOKS, ...Object.keys(hooks)])].sort();
  const items = names.map((name) => {
    const offers = (Object.hasOwn(hooks, name) ? hooks[name] : undefined) ?? [];
    const spec = BUILT_IN_HOOKS.find((known) => known === name);
    return {
      name,
      title: spec ? HOOKS[spec].title : null,
      mode: modeFor(name, offers, undefined),
      payload: spec ? { ...HOOKS[spec].payload } : {},
      functions: offers.map(describeOffer),
    };
  });
  return { items };
}
