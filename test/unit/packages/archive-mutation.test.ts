import { expect, test } from "vitest";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { openArchive } from "../../../worker/control/packages/archive/archive.ts";
import { memoryAccess } from "../../../worker/control/packages/archive/random-access.ts";
import { compressed, noise, utf8 } from "../../fixtures/packages/bytes.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { pax, tar } from "../../fixtures/packages/tar-builder.ts";
import { zip } from "../../fixtures/packages/zip-builder.ts";

/** Damaged archives are refused with a code of the table or read; nothing else ever comes out. */

const ROUNDS = 1_500;
const manifest = { name: "manifest.json", data: utf8(JSON.stringify(manifestOf())) };
const files = [manifest, { name: "docs/", data: new Uint8Array(0) }, { name: "plugin.wasm", data: noise(300) }];

/** Numbers from 0 to `below`, the same for the same seed. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** One to four bytes changed, and every fifth time the end cut off. */
function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  const values = [0, 1, 0x7f, 0x80, 0xff];
  for (let count = 1 + random(4); count > 0; count--) {
    copy[random(copy.length)] = random(2) === 0 ? random(256) : (values[random(values.length)] ?? 0);
  }
  return random(5) === 0 ? copy.slice(0, random(copy.length)) : copy;
}

async function outcomeOf(bytes: Uint8Array): Promise<string> {
  try {
    await openArchive(memoryAccess(bytes));
    return "read";
  } catch (error) {
    if (error instanceof PlatformError) return error.code;
    throw error;
  }
}

test.each([
  [
    "zip",
    async () =>
      zip(
        files.map((file, index) => ({
          ...file,
          deflate: index === 2,
          ...(index === 0 ? { descriptor: "signed" as const } : {}),
        })),
      ),
  ],
  [
    "tar.gz, damaged before compression",
    async () =>
      Promise.resolve(
        tar([pax({ mtime: "1" }), ...files.map((file) => ({ ...file, type: file.name.endsWith("/") ? "5" : "0" }))]),
      ),
  ],
])("%s", async (name, build) => {
  const original = await build();
  const random = randomNumbers(7);
  const outcomes = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const mutated = mutate(original, random);
    const outcome = await outcomeOf(name === "zip" ? mutated : await compressed("gzip", mutated));
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  const known = new Set(["ARCHIVE_INVALID", "PACKAGE_TOO_LARGE", "read"]);
  expect([...outcomes.keys()].filter((outcome) => !known.has(outcome))).toEqual([]);
  expect(outcomes.get("ARCHIVE_INVALID")).toBeGreaterThan(ROUNDS / 2);
});
