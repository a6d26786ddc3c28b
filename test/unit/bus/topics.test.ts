import { describe, expect, test } from "vitest";
import { coversTopic, TOPIC_FILTER_PATTERN, TOPIC_PATTERN, topicMatches } from "../../../sdk/contract/topics.ts";

test.each<[filter: string, topic: string, matches: boolean]>([
  ["orders", "orders", true],
  ["orders", "order", false],
  ["orders", "orders.created", false],
  ["orders.created", "orders.created", true],
  ["orders.created", "orders", false],
  ["orders.created", "orders.created.eu", false],

  ["orders.*", "orders.created", true],
  ["orders.*", "orders.created.eu", true],
  ["orders.*", "orders", false],
  ["orders.*", "ordersx.created", false],
  ["orders.*", "orders-old.created", false],
  ["orders.eu.*", "orders.eu.created", true],
  ["orders.eu.*", "orders.eu", false],
  ["orders.eu.*", "orders.us.created", false],

  ["orders.*.created", "orders.eu.created", true],
  ["orders.*.created", "orders.created", false],
  ["orders.*.created", "orders.eu.west.created", false],
  ["orders.*.created", "orders.eu.deleted", false],
  ["orders.*.*", "orders.eu", false],
  ["orders.*.*", "orders.eu.created", true],
  ["orders.*.*", "orders.eu.west.created", true],
  ["orders.*.created.*", "orders.eu.created.late", true],
  ["orders.*.created.*", "orders.eu.created", false],

  // The dot is a separator, not any character.
  ["a.b", "axb", false],
])("the filter %s and the topic %s: %s", (filter, topic, matches) => {
  expect(filter).toMatch(TOPIC_FILTER_PATTERN);
  expect(topic).toMatch(TOPIC_PATTERN);
  expect(topicMatches(filter, topic)).toBe(matches);
});

describe("what is neither", () => {
  test.each(["", ".", "a.", ".a", "a..b", "A", "a b", "a/b", "*", "*.a", "a*", "a.b*", "a.**", "a.#", "a.*\n"])(
    "%j",
    (text) => {
      expect(text).not.toMatch(TOPIC_FILTER_PATTERN);
      expect(text).not.toMatch(TOPIC_PATTERN);
    },
  );

  test.each(["a.*", "a.*.b"])("%s is a filter, but nothing can be published to it", (text) => {
    expect(text).toMatch(TOPIC_FILTER_PATTERN);
    expect(text).not.toMatch(TOPIC_PATTERN);
  });
});

test.each<[filter: string, other: string, covers: boolean]>([
  ["a.*", "a.b.*", true],
  ["a.*", "a.*.c", true],
  ["a.*", "a.*", true],
  ["a.b.*", "a.*", false],
  ["a.b", "a.*", false],
  ["a.*.c", "a.b.c", true],
  ["a.*.c", "a.*.c", true],
  ["a.*.c", "a.*.*", false],
  ["a.*.*", "a.*", false],
  ["a.*.*", "a.*.c", true],
  ["a.b.c", "a.*.c", false],
])("the filter %s covers the filter %s: %s", (filter, other, covers) => {
  expect(coversTopic(filter, other)).toBe(covers);
});
