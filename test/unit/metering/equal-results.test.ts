import { expect, test } from "vitest";
import { Guest, original, type Exports } from "./guest.ts";
import { IMPORTS, PROGRAMS } from "./programs.ts";

test.each(PROGRAMS)("%s", (_, source, values, answer) => {
  const module = `(module ${source})`;
  const plain = original(module, IMPORTS)["f"]?.(...values);
  expect(plain).toEqual(answer);
  const outcomes = [
    {},
    { backend: "global" as const },
    { hideTables: true },
    { sharedCounters: true },
    { sharedCounters: true, backend: "global" as const },
  ].map((policy) => {
    const guest = new Guest(module, IMPORTS, policy);
    expect((guest.exports as Exports)["f"]?.length).toBe(values.length);
    return guest.call("f", values);
  });
  expect(outcomes[0]).toMatchObject({ value: answer, state: "ok" });
  for (const outcome of outcomes.slice(1)) expect(outcome).toEqual(outcomes[0]);
});

test("every branch of a br_table gives its own answer", () => {
  const source = `(module ${PROGRAMS[2]?.[1] ?? ""})`;
  const guest = new Guest(source);
  const plain = original(source);
  for (let value = -1; value < 12; value++) {
    expect(guest.call("f", [value]).value).toBe(plain["f"]?.(value));
  }
});

test("the fuel taken is the same in every run", () => {
  for (const [, source, values] of PROGRAMS) {
    const guests = [new Guest(`(module ${source})`, IMPORTS), new Guest(`(module ${source})`, IMPORTS)];
    const used = guests.map((guest) => guest.call("f", values).used);
    expect(used[0]).toBe(used[1]);
    expect(used[0]).toBeGreaterThan(0n);
  }
});
