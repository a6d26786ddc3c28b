import { expect, test } from "vitest";
import { trendOf, withTrends } from "../../../worker/control/reports/trend-rules.ts";

const DAY = 86_400_000;

test.each([
  ["a flat week", [5, 5, 5, 5, 5, 5, 5], { trend: 0, projected: 150 }],
  ["a rise", [1, 2, 3, 4, 5, 6, 7], { trend: 1, projected: 675 }],
  ["a fall, never below nothing", [7, 6, 5, 4, 3, 2, 1], { trend: -1, projected: 0 }],
  ["too few days", [1, 2, 3, 4, 5, 6], undefined],
])("%s", (_name, daily, found) => {
  expect(trendOf(daily)).toEqual(found);
});

test("days without executions count, and days that are not over do not", () => {
  const daily = [
    { pluginId: "a", day: 3, executions: 80 },
    { pluginId: "a", day: 10, executions: 1_000 },
  ];
  const scope = { from: DAY, to: 11 * DAY, now: 10 * DAY + 5 };
  expect(withTrends([{ pluginId: "a" }, { pluginId: "b" }], daily, scope)).toMatchObject([
    { pluginId: "a", trend: trendOf([0, 0, 80, 0, 0, 0, 0, 0, 0])?.trend },
    { pluginId: "b", trend: 0, projected: 0 },
  ]);
});
