import { expect, test } from "vitest";
import { openGuest, text } from "../../support/guests/guest-isolate.ts";

const SECRETS = Array.from({ length: 8 }, (_, index) => `secret of tenant ${index} `.repeat(index + 1));

test.each([
  { guest: "greet", name: "run", expected: (secret: string) => `Hello, ${secret}!` },
  { guest: "sleep", name: "nap", expected: (secret: string) => secret },
  { guest: "sleep", name: "until", expected: (secret: string) => secret },
])("overlapping calls of $guest $name get their own answers", async ({ guest, name, expected }) => {
  const isolate = openGuest(guest);
  const outcomes = await Promise.all(SECRETS.map((input) => isolate.call(name, { input })));
  expect(outcomes.map((outcome) => text(outcome.output))).toEqual(SECRETS.map(expected));
  expect(outcomes.map((outcome) => outcome.failure)).toEqual(SECRETS.map(() => undefined));
});

test("overlapping calls have variables, configuration and logs of their own", async () => {
  const vars = openGuest("vars");
  const config = openGuest("config");
  const stored = await Promise.all(SECRETS.map((input) => vars.call("run", { input })));
  const configured = await Promise.all(SECRETS.map((key) => config.call("run", { input: "key", config: { key } })));
  expect(stored.map((outcome) => text(outcome.output))).toEqual(SECRETS);
  expect(configured.map((outcome) => text(outcome.output))).toEqual(SECRETS);
});

test("a call that is suspended keeps its logs and output while another one fails and one prints", async () => {
  const stdio = openGuest("stdio");
  const [napped, left, printed] = await Promise.all([
    stdio.call("nap"),
    stdio.call("leave"),
    stdio.call("run", { input: "A" }),
  ]);
  expect(text(napped.output)).toBe("slept");
  expect(napped.logs).toEqual([]);
  expect(left.failure).toMatchObject({ code: "PLUGIN_ERROR", exitCode: 4 });
  expect(left.logs.map((line) => line.text)).toEqual(["leaving"]);
  expect(printed.logs[0]?.text).toBe("hello A");
});
