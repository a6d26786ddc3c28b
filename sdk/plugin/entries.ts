import type { BusMessage, FunctionDefinition, PlainFunction, PluginDefinition } from "./definition.ts";
import { exportName, LIFECYCLE_EXPORTS } from "./export-names.ts";
import { input } from "./input.ts";
import { setJsonOutput, setOutput } from "./output.ts";
import { validate, type Schema } from "./schema.ts";

type Entry = () => unknown;
type AnyFunction = NonNullable<PluginDefinition["services"]>[string];

/**
 * The functions that a packed plugin exports, by name.
 *
 * @throws {TypeError} where two parts of the definition would have one name
 */
export function entriesOf(definition: PluginDefinition): Readonly<Record<string, Entry>> {
  const entries: Record<string, Entry> = {};
  const add = (name: string, entry: Entry): void => {
    if (Object.hasOwn(entries, name)) throw new TypeError(`Two parts of the plugin are exported as "${name}".`);
    entries[name] = entry;
  };
  for (const [name, part] of Object.entries(definition.functions ?? {})) add(name, functionEntry(part));
  for (const [name, part] of Object.entries(definition.services ?? {}))
    add(exportName("service", name), functionEntry(part));
  for (const [name, hook] of Object.entries(definition.hooks ?? {})) {
    add(exportName("hook", name), async () => setJsonOutput(await hook.run((await checked(hook.input)) as never))); // as its schema says
  }
  for (const [name, { run }] of Object.entries(definition.endpoints ?? {})) {
    add(exportName("endpoint", name), async () => setJsonOutput(await run(input.json() as never))); // as the platform writes it
  }
  for (const [name, { data, run }] of Object.entries(definition.subscriptions ?? {})) {
    add(exportName("on", name), async () => {
      const message = input.json<BusMessage>() as BusMessage; // as the platform writes it
      const checkedData = data ? { data: await validate(data, message.data, "The message's data") } : {};
      await run({ ...message, ...checkedData } as never);
    });
  }
  for (const [name, exported] of Object.entries(LIFECYCLE_EXPORTS)) {
    const run = definition.lifecycle?.[name as keyof typeof LIFECYCLE_EXPORTS]; // a key of the table
    if (run) add(exported, async () => setOutput(await run()));
  }
  return entries;
}

function functionEntry(part: AnyFunction | PlainFunction): Entry {
  if (typeof part === "function") return async () => setOutput(await part(input));
  return async () => {
    const { input: accepts, output, run } = part as FunctionDefinition<unknown, unknown>;
    const result = await run(accepts ? await checked(accepts) : input);
    if (output) setJsonOutput(await validate(output, result, "The output"));
    else setOutput(result);
  };
}

async function checked<In>(schema: Schema<In> | undefined): Promise<In> {
  const value = input.json();
  return schema ? await validate(schema, value, "The input") : (value as In); // without a schema it is as it came
}
