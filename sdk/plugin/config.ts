import { host } from "./host.ts";
import { validate, type Schema } from "./schema.ts";

/** A setting as text, undefined where there is none. Any Extism host has these. */
export function configText(name: string): string | undefined {
  return host.config(name) ?? undefined;
}

/** A setting as the configuration's schema has it: text stays text, everything else is parsed. */
export function configValue(name: string): unknown {
  const text = configText(name);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text; // not JSON: a setting of text
  }
}

/**
 * The whole configuration, checked by its schema, with the defaults that this has.
 *
 * @param schema  the one that the definition has as `config`
 * @throws {ValidationError}
 */
export async function readConfig<Config>(schema: Schema<Config>): Promise<Config> {
  const whole = configText("$config");
  return await validate(schema, whole === undefined ? singleSettings(schema) : JSON.parse(whole), "The configuration");
}

/** A host that knows single settings only is asked for each that the schema names: those of valibot and zod do. */
function singleSettings(schema: Schema): unknown {
  const { entries, shape } = schema as { readonly entries?: object; readonly shape?: object };
  const found = Object.keys(entries ?? shape ?? {}).map((name) => [name, configValue(name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}
