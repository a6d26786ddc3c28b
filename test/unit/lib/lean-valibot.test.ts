import * as v from "valibot";
import { expect, test } from "vitest";
import * as lean from "../../../worker/lib/lean-valibot.ts";

/** As schemas are written; in the bundle they are made of the lean library. */
function made(library: Pick<typeof v, "pipe" | "string" | "minLength" | "description" | "safeParse" | "trim">) {
  const schema = library.pipe(
    library.string(),
    library.description("first"),
    library.trim(),
    library.minLength(2, "is too short"),
    library.description("last"),
  );
  return ["  ab ", " a ", 1].map((value) => {
    const { success, output, issues } = library.safeParse(schema, value);
    return { success, output, messages: issues?.map(({ message }) => message) };
  });
}

test("schemas without their descriptions accept, change and refuse the same", () => {
  expect(made(lean as unknown as typeof v)).toEqual(made(v)); // what the bundler puts in its place
});

test("everything else is the library's own", () => {
  const replaced = new Set(["description", "metadata", "pipe"]);
  const { default: _default, ...all } = v as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(all).filter((key) => !replaced.has(key))) expect(lean).toHaveProperty(name);
});
