import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { compileKernels } from "../../bench/metering/kernels.ts";

const execute = promisify(execFile);
const SCRIPT = path.resolve(import.meta.dirname, "tier-fuel.ts");

/** What V8 runs a module with: its baseline compiler only, its optimising one only, or both as it likes. */
const TIERS = { baseline: ["--liftoff-only"], optimising: ["--no-liftoff"], both: [] };

test("results and fuel are the same to the unit, whichever of V8's compilers made the code", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "tiers-"));
  try {
    const kernels = path.join(folder, "kernels.wasm");
    await writeFile(kernels, await compileKernels());
    const figures: Record<string, Record<string, string>> = {};
    for (const [tier, flags] of Object.entries(TIERS)) {
      const { stdout } = await execute(process.execPath, [...flags, SCRIPT, kernels]);
      figures[tier] = JSON.parse(stdout) as Record<string, string>; // our own script
    }
    expect(Object.keys(figures["both"] ?? {}).length).toBeGreaterThan(50);
    expect(figures["baseline"]).toEqual(figures["both"]);
    expect(figures["optimising"]).toEqual(figures["both"]);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 120_000);
