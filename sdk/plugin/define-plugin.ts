import type { FunctionDefinition, HookDefinition, PluginDefinition, SubscriptionDefinition } from "./definition.ts";

/**
 * What a plugin consists of; the default export of its entry.
 *
 * ```ts
 * export default definePlugin({
 *   functions: { greet: (input) => `Hello, ${input.text()}!` },
 * });
 * ```
 */
export function definePlugin(definition: PluginDefinition): PluginDefinition {
  return definition;
}

/** One function, so that `run` is typed by the schemas beside it. */
export function defineFunction<In, Out>(definition: FunctionDefinition<In, Out>): FunctionDefinition<In, Out> {
  return definition;
}

/** One function of a hook, so that `run` is typed by its schema. */
export function defineHook<In>(definition: HookDefinition<In>): HookDefinition<In> {
  return definition;
}

/** One subscription, so that the data of its messages is typed by its schema. */
export function defineSubscription<Data>(definition: SubscriptionDefinition<Data>): SubscriptionDefinition<Data> {
  return definition;
}
