import { readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { AbiHost } from "./abi-host.ts";
import { builtModule, ROOT } from "./built-plugin.ts";

const LABELS = ["positive", "negative", "neutral"] as const;
type Label = (typeof LABELS)[number];
const SPLITS = ["dev", "test", "blind"] as const;
type Split = (typeof SPLITS)[number];

/** A little under what was measured; README.md has the figures and says how the sentences came about. */
const FLOORS: Readonly<Record<Split, number>> = { dev: 0.95, test: 0.95, blind: 0.66 };

interface Row {
  readonly text: string;
  readonly label: Label;
  readonly split: Split;
}

interface Answer {
  readonly expected: Label;
  readonly found: Label;
  readonly confidence: number;
}

let rows: readonly Row[];
let answers: ReadonlyMap<Split, readonly Answer[]>;

beforeAll(async () => {
  const lines = (await readFile(path.join(ROOT, "wasm-plugins/sentiment/labelled.jsonl"), "utf8")).trim().split("\n");
  rows = lines.map((line) => JSON.parse(line) as Row); // the first test checks the shape
  const host = new AbiHost(await builtModule("sentiment"));
  answers = new Map(
    SPLITS.map((split) => [split, rows.filter((row) => row.split === split).map((row) => ask(host, row))]),
  );
}, 180_000);

function ask(host: AbiHost, { text, label }: Row): Answer {
  const call = host.call("analyze", JSON.stringify({ text }));
  const { label: found, confidence } = JSON.parse(call.output) as { label: Label; confidence: number }; // as documented
  return { expected: label, found, confidence };
}

function accuracy(of: readonly Answer[]): number {
  return of.filter(({ expected, found }) => expected === found).length / of.length;
}

function report(split: Split): { accuracy: number; classes: Record<string, { precision: number; recall: number }> } {
  const all = answers.get(split) ?? [];
  const classes = LABELS.map((label) => {
    const right = all.filter(({ expected, found }) => expected === label && found === label).length;
    return [
      label,
      {
        precision: round(right / all.filter(({ found }) => found === label).length),
        recall: round(right / all.filter(({ expected }) => expected === label).length),
      },
    ] as const;
  });
  return { accuracy: round(accuracy(all)), classes: Object.fromEntries(classes) };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

describe("the labelled set", () => {
  test("has three classes, three splits, enough of each, and no sentence twice", () => {
    expect(rows.length).toBeGreaterThanOrEqual(400);
    expect(new Set(rows.map(({ text }) => text)).size).toBe(rows.length);
    for (const split of SPLITS) {
      const sizes = LABELS.map((label) => rows.filter((row) => row.split === split && row.label === label).length);
      expect(Math.min(...sizes)).toBeGreaterThanOrEqual(30);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(2);
    }
  });
});

describe.each(SPLITS)("%s", (split) => {
  test("accuracy, precision and recall", ({ annotate }) => {
    const measured = report(split);
    void annotate(JSON.stringify(measured));
    expect(measured.accuracy).toBeGreaterThanOrEqual(FLOORS[split]);
    // A neutral sentence is hardly ever taken for an opinion: that is what a lexicon is good at.
    expect(measured.classes["neutral"]?.recall).toBeGreaterThanOrEqual(0.95);
  });

  test("the more confident half is right more often", () => {
    const sorted = (answers.get(split) ?? []).toSorted((a, b) => b.confidence - a.confidence);
    const half = Math.floor(sorted.length / 2);
    expect(accuracy(sorted.slice(0, half))).toBeGreaterThan(accuracy(sorted.slice(half)));
  });
});
