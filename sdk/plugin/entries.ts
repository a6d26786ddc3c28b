import { configText, configValue } from "./config.ts";
import type { Call, FunctionDefinition, PlainFunction, PluginDefinition } from "./definition.ts";
import { exportName, LIFECYCLE_EXPORTS } from "./export-names.ts";
import { input } from "./input.ts";
import { setJsonOutput, setOutput } from "./output.ts";
import { validate, type Schema } from "./schema.ts";

type Entry = () => unknown;
type AnyFunction<Config> = NonNullable<PluginDefinition<Config>["services"]>[string];

/**
 * The functions that a packed plugin exports, by name.
 *
 * @throws {TypeError} where two parts of the definition would have one name
 */
export function entriesOf<Config>(definition: PluginDefinition<Config>): Readonly<Record<string, Entry>> {
  const call = callOf(definition.config);
  const entries: Record<string, Entry> = {};
  const add = (name: string, entry: Entry): void => {
    if (Object.hasOwn(entries, name)) throw new TypeError(`Two parts of the plugin are exported as "${name}".`);
    entries[name] = entry;
  };
  for (const [name, part] of Object.entries(definition.functions ?? {})) add(name, functionEntry(part, call));
  for (const [name, part] of Object.entries(definition.services ?? {}))
    add(exportName("service", name), functionEntry(part, call));
  for (const [name, hook] of Object.entries(definition.hooks ?? {})) {
    add(exportName("hook", name), async () => setJsonOutput(await hook.run(await checked(hook.input), call)));
  }
  for (const [name, { run }] of Object.entries(definition.endpoints ?? {})) {
    add(exportName("endpoint", name), async () => setJsonOutput(await run(input.json() as never, call))); // as the platform writes it
  }
  for (const [name, { run }] of Object.entries(definition.subscriptions ?? {})) {
    add(exportName("on", name), async () => {
      await run(input.json() as never, call); // as the platform writes it
    });
  }
  for (const [name, exported] of Object.entries(LIFECYCLE_EXPORTS)) {
    const run = definition.lifecycle?.[name as keyof typeof LIFECYCLE_EXPORTS]; // a key of the table
    if (run) add(exported, async () => setOutput(await run(call)));
  }
  return entries;
}

function functionEntry<Config>(part: AnyFunction<Config> | PlainFunction<Config>, call: Call<Config>): Entry {
  if (typeof part === "function") return async () => setOutput(await part(input, call));
  return async () => {
    const { input: accepts, output, run } = part as FunctionDefinition<unknown, unknown, Config>;
    const result = await run(accepts ? await checked(accepts) : input, call);
    if (output) setJsonOutput(await validate(output, result, "The output"));
    else setOutput(result);
  };
}

async function checked<In>(schema: Schema<In> | undefined): Promise<In> {
  const value = input.json();
  return schema ? await validate(schema, value, "The input") : (value as In); // without a schema it is as it came
}

function callOf<Config>(schema: Schema<Config> | undefined): Call<Config> {
  let config: Promise<Config> | undefined;
  return {
    config: () =>
      (config ??= schema
        ? validate(schema, wholeConfig(schema), "The configuration")
        : Promise.reject(
            new TypeError("The plugin has no configuration: give `definePlugin` its schema as `config`."),
          )),
  };
}

/** A host that knows single settings only is asked for each that the schema names. */
function wholeConfig(schema: Schema): unknown {
  const whole = configText("$config");
  if (whole !== undefined) return JSON.parse(whole);
  const names = Object.keys((schema as { readonly entries?: object }).entries ?? {}); // valibot's objects have them
  const found = names.map((name) => [name, configValue(name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}
