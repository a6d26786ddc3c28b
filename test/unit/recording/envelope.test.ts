import { describe, expect, test } from "vitest";
import { open, seal } from "../../../worker/execution/recording/envelope.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, index) => index);
const OWNER = { tenantId: "acme", executionId: "01KAHT3CW00000000000000000" };
const CONTENT = new TextEncoder().encode("a secret input");
const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

function sealed(): Promise<Uint8Array<ArrayBuffer>> {
  return seal(CONTENT, KEY, OWNER, randomBytes);
}

const UNREADABLE = expect.objectContaining({
  code: "RECORDING_UNREADABLE",
  message: "The recording is not what was stored: it fails authentication.",
}) as unknown;

describe("a sealed recording", () => {
  test.each([0, 1, 100_000])("of %s bytes opens again, and shows none of them", async (length) => {
    const content = Uint8Array.from({ length }, (_, index) => index % 251);
    const bytes = await seal(content, KEY, OWNER, randomBytes);
    expect(bytes).toHaveLength(length + 88);
    expect(await open(bytes, KEY, OWNER)).toEqual(content);
  });

  test("is never the same bytes, since key and nonces are new", async () => {
    const [one, two] = [await sealed(), await sealed()];
    for (const [start, end] of [
      [0, 12],
      [12, 60],
      [60, 72],
      [72, one.length],
    ]) {
      expect(one.subarray(start, end)).not.toEqual(two.subarray(start, end));
    }
  });

  test("with any byte changed does not open", async () => {
    const bytes = await sealed();
    for (let index = 0; index < bytes.length; index++) {
      const changed = bytes.with(index, (bytes[index] ?? 0) ^ 1);
      await expect(open(changed, KEY, OWNER)).rejects.toEqual(UNREADABLE);
    }
  });

  test.each([0, 11, 59, 71, 87])("cut to %s bytes does not open", async (length) => {
    await expect(open((await sealed()).slice(0, length), KEY, OWNER)).rejects.toEqual(UNREADABLE);
  });

  test.each([
    ["another tenant", { ...OWNER, tenantId: "globex" }],
    ["another execution", { ...OWNER, executionId: "01KAHT3CW00000000000000001" }],
    ["names that only join alike", { tenantId: 'acme","01KAHT3CW', executionId: "00000000000000000" }],
  ])("does not open for %s", async (_case, owner) => {
    await expect(open(await sealed(), KEY, owner)).rejects.toEqual(UNREADABLE);
  });

  test("does not open with another key", async () => {
    await expect(open(await sealed(), KEY.with(0, 1), OWNER)).rejects.toEqual(UNREADABLE);
  });
});
