import { pipe as pipeAll } from "../../node_modules/valibot/dist/index.mjs";

/**
 * Stands for valibot where the worker is bundled (wrangler.toml). What describes fields is read where the API's description is
 * written, which is done before a deploy: the functions are empty here, so that the bundler leaves out their calls and texts.
 */
export * from "../../node_modules/valibot/dist/index.mjs";

export function description(): void {}

export function metadata(): void {}

/** A pipe without the places that those left empty. Its types are valibot's own: nobody compiles against this file. */
export function pipe(...items: readonly unknown[]): unknown {
  return Reflect.apply(
    pipeAll,
    undefined,
    items.filter((item) => item !== undefined),
  );
}
