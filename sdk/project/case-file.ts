import { readFile } from "node:fs/promises";
import { readJson } from "../contract/json-text.ts";
import { parseCases, type PluginCase } from "../contract/plugin-cases.ts";
import { UserError } from "./user-error.ts";

export type { PluginCase } from "../contract/plugin-cases.ts";

/** @throws {UserError} with the place of each problem */
export async function readCases(file: string): Promise<PluginCase[]> {
  const reading = readJson(await readFile(file));
  const read = "value" in reading ? parseCases(reading.value) : reading;
  if ("cases" in read) return read.cases;
  const lines = read.issues.map(({ path, message }) => `${path === "" ? "/" : path}: ${message}`);
  throw new UserError(`${file} is not a list of cases.`, lines.join("\n"));
}
