import type { FunctionDefinition, HookDefinition, PluginDefinition } from "./definition.ts";

/**
 * What a plugin consists of; the default export of its entry.
 *
 * ```ts
 * export default definePlugin({
 *   functions: { greet: (input) => `Hello, ${input.text()}!` },
 * });
 * ```
 */
export function definePlugin<Config = unknown>(definition: PluginDefinition<Config>): PluginDefinition<Config> {
  return definition;
}

/** One function, so that `run` is typed by the schemas beside it. */
export function defineFunction<In, Out, Config = unknown>(
  definition: FunctionDefinition<In, Out, Config>,
): FunctionDefinition<In, Out, Config> {
  return definition;
}

/** One function of a hook, so that `run` is typed by its schema. */
export function defineHook<In, Config = unknown>(definition: HookDefinition<In, Config>): HookDefinition<In, Config> {
  return definition;
}
