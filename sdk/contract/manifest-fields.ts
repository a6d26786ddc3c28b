import * as v from "valibot";
import { FUNCTION_NAME_PATTERN, PLUGIN_ID_PATTERN } from "./identifiers.ts";

/** Building blocks of the manifest's schema: closed objects, bounded texts, lists and records. */

/**
 * An object in which every unknown key is an issue of its own. `strictObject` reports only the first one, and takes
 * an empty array for an object.
 */
export function closedObject<const Entries extends v.ObjectEntries>(
  entries: Entries,
): v.StrictObjectSchema<Entries, undefined> {
  const schema = v.objectWithRest(entries, v.never("is not a known field"), "must be an object");
  const run = schema["~run"].bind(schema);
  Object.assign(schema, {
    "~run": (dataset: v.UnknownDataset, config: v.Config<v.BaseIssue<unknown>>) =>
      run(Array.isArray(dataset.value) ? { value: null } : dataset, config),
  });
  // A rest of `never` adds no keys, so what comes out has the type of a strict object.
  return schema as unknown as v.StrictObjectSchema<Entries, undefined>;
}

/** A text of 1 to `maximum` UTF-16 units without control characters but line breaks and tabs. */
export function text(maximum: number) {
  return v.pipe(
    v.string("must be a string"),
    v.minLength(1, "must not be empty"),
    v.maxLength(maximum, (issue) => `must have at most ${maximum} characters, found ${issue.input.length}`),
    v.check(
      (value) => !/[\u0000-\u0008\u000b-\u001f\u007f]/.test(value), // eslint-disable-line no-control-regex -- they are what is looked for
      "must not contain control characters",
    ),
  );
}

/** A text that the expression matches; `meaning` says in words what it must be. */
export function pattern(expression: RegExp, meaning: string, maximum = 128) {
  return v.pipe(
    v.string("must be a string"),
    v.maxLength(maximum, (issue) => `must have at most ${maximum} characters, found ${issue.input.length}`),
    v.regex(expression, meaning),
  );
}

export function list<const Item extends v.GenericSchema>(item: Item, maximum: number) {
  return v.pipe(
    v.array(item, "must be a list"),
    v.maxLength(maximum, (issue) => `must have at most ${maximum} entries, found ${issue.input.length}`),
  );
}

/** Refuses entries with the key of an earlier one, at the place of the later. */
export function distinct<Item, Input, Issue extends v.BaseIssue<unknown>>(
  items: v.GenericSchema<Input, Item[], Issue>,
  keyOf: (item: Item) => string,
) {
  return v.pipe(
    items,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const seen = new Set<string>();
      for (const [index, item] of dataset.value.entries()) {
        const key = keyOf(item);
        if (seen.has(key)) {
          addIssue({
            message: `repeats ${JSON.stringify(key)}`,
            path: [{ type: "array", origin: "value", input: dataset.value, key: index, value: item }],
          });
        }
        seen.add(key);
      }
    }),
  );
}

export function record<const Key extends v.GenericSchema<string, string>, const Value extends v.GenericSchema>(
  key: Key,
  value: Value,
  maximum: number,
) {
  return v.pipe(
    v.record(key, value, "must be an object"),
    v.check((entries) => !Array.isArray(entries), "must be an object"),
    v.check((entries) => Object.keys(entries).length <= maximum, `must have at most ${maximum} entries`),
  );
}

export const pluginId = pattern(
  PLUGIN_ID_PATTERN,
  "must be `name` or `publisher.name` in lower-case letters, digits and `-`",
);
export const functionName = pattern(FUNCTION_NAME_PATTERN, "must be the name of an exported function");

export function wholeNumber(minimum: number, maximum: number, unit = "") {
  const meaning = `must be a whole number${unit ? ` of ${unit}` : ""} from ${minimum} to ${maximum}`;
  return v.pipe(v.number(meaning), v.integer(meaning), v.minValue(minimum, meaning), v.maxValue(maximum, meaning));
}
