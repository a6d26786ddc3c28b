import { describe, expect, test } from "vitest";
import { MOST_AT_WORK, Slots } from "../../../worker/execution/slots.ts";

describe("slots of a request", () => {
  test("so many calls are at work, and the next ones follow in order", () => {
    const slots = new Slots();
    expect(["a", "b", "c", "d"].map((call) => slots.ask(call, undefined))).toEqual(["taken", "taken", "wait", "wait"]);
    expect(slots.atWork).toBe(MOST_AT_WORK);
    slots.leave("a");
    expect(slots.ask("d", undefined)).toBe("wait");
    expect(slots.ask("c", undefined)).toBe("taken");
    slots.leave("b");
    expect(slots.ask("d", undefined)).toBe("taken");
  });

  test("has room while one is free and nobody waits for it", () => {
    const slots = new Slots();
    const seen = ["a", "b", "c"].map((call) => [slots.hasRoom, slots.ask(call, undefined)]);
    expect(seen).toEqual([
      [true, "taken"],
      [true, "taken"],
      [false, "wait"],
    ]);
    slots.leave("a");
    expect(slots.hasRoom).toBe(false);
    slots.leave("c");
    expect(slots.hasRoom).toBe(true);
  });

  test("one that gives up waiting is out of the way", () => {
    const slots = new Slots();
    for (const call of ["a", "b", "c", "d"]) slots.ask(call, undefined);
    slots.leave("c");
    slots.leave("a");
    expect(slots.ask("d", undefined)).toBe("taken");
  });

  test("a nested call has a slot of its own", () => {
    const slots = new Slots();
    slots.ask("a", undefined);
    expect(slots.ask("b", "a")).toBe("taken");
  });

  test("a third level would wait for ever and is refused", () => {
    const slots = new Slots();
    slots.ask("a", undefined);
    slots.ask("b", "a");
    expect(slots.ask("c", "b")).toBe("never");
    slots.leave("c");
    slots.leave("b");
    expect(slots.ask("d", "a")).toBe("taken");
  });

  test("of two calls that both nest, the one that would close the circle is refused and the other goes on", () => {
    const slots = new Slots();
    slots.ask("a", undefined);
    slots.ask("b", undefined);
    expect(slots.ask("a1", "a")).toBe("wait");
    expect(slots.ask("b1", "b")).toBe("never");
    slots.leave("b1");
    slots.leave("b");
    expect(slots.ask("a1", "a")).toBe("taken");
  });

  test("one that waits for a call that can end simply waits", () => {
    const slots = new Slots();
    slots.ask("a", undefined);
    slots.ask("b", undefined);
    expect(slots.ask("a1", "a")).toBe("wait");
    expect(slots.ask("c", undefined)).toBe("wait");
    slots.leave("b");
    expect(slots.ask("a1", "a")).toBe("taken");
  });
});
