import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { Grants } from "../../sdk/contract/grants.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import type { LogLine } from "../../sdk/contract/sandbox.ts";
import { sandboxCall } from "../support/guests/sandbox-call.ts";
import type { HostedCall } from "./worker/protocol.ts";

/** What a call has to give. Everything that is named has to hold; logs are compared only where they are named. */
export interface Expectation {
  /** Exact UTF-8 text; implies success. */
  readonly output?: string;
  /** Regular expression over the whole output; implies success. */
  readonly outputMatches?: string;
  /** Hexadecimal, for outputs too long to write down; implies success. */
  readonly outputSha256?: string;
  /** Code of the failure; the fields below imply it. */
  readonly code?: string;
  /** Exact detail of the failure. */
  readonly error?: string;
  /** Regular expression over the detail of the failure. */
  readonly errorMatches?: string;
  /** What the guest itself said, which every host has to pass on. */
  readonly says?: string;
  readonly exitCode?: number;
  readonly logs?: readonly LogLine[];
}

/** One call of a plugin, as a `cases.json` writes it. */
export interface Case {
  readonly function: string;
  /** What is special about it; the function alone names the case otherwise. */
  readonly title?: string;
  readonly input?: string;
  readonly inputBase64?: string;
  readonly inputRepeat?: { readonly text: string; readonly times: number };
  readonly config?: Readonly<Record<string, string>>;
  readonly limits?: Partial<Limits>;
  /** What the call may ask of the platform. A case that names it is not run under Node, where there is no platform. */
  readonly grants?: Grants;
  readonly expect: Expectation;
  /** Why the reference host cannot be asked: it would never answer, or end with the process. */
  readonly withoutReference?: string;
}

interface CaseFile {
  /** Functions of the shared contract that this plugin does not have; `"all"` for a plugin of another kind. */
  readonly lacks?: readonly string[] | "all";
  readonly cases: readonly Case[];
}

/** One of the folders of plugins. */
export interface PluginCases {
  readonly name: string;
  readonly folder: string;
  readonly cases: readonly Case[];
  /** Functions of the contract that have cases, for the tests of isolation. */
  readonly functions: ReadonlySet<string>;
}

/** @param folder  with one folder per plugin, each with a `cases.json` */
export async function readPluginCases(folder: string, shared: readonly Case[]): Promise<readonly PluginCases[]> {
  const names = (await readdir(folder)).filter((name) => existsSync(path.join(folder, name, "cases.json"))).sort();
  return Promise.all(
    names.map(async (name) => {
      const { lacks = [], cases } = await readCaseFile(path.join(folder, name, "cases.json"));
      const contract = lacks === "all" ? [] : shared.filter((entry) => !lacks.includes(entry.function));
      const all = [...contract, ...cases];
      return { name, folder: path.join(folder, name), cases: all, functions: new Set(all.map((one) => one.function)) };
    }),
  );
}

export async function readCaseFile(file: string): Promise<CaseFile> {
  const found = JSON.parse(await readFile(file, "utf8")) as Partial<CaseFile>; // checked just below
  if (!Array.isArray(found.cases)) throw new Error(`${file}: "cases" is not a list`);
  for (const [index, entry] of found.cases.entries()) {
    if (typeof entry.function !== "string") throw new Error(`${file}: cases[${index}].function is not a text`);
    if (typeof entry.expect !== "object") throw new Error(`${file}: cases[${index}].expect is not an object`);
  }
  return found as CaseFile;
}

/** `{server}` in cases is the address of the loopback server. */
export function withServer<Plugin extends PluginCases>(plugins: readonly Plugin[], host: string): readonly Plugin[] {
  return plugins.map((plugin) => ({
    ...plugin,
    cases: JSON.parse(JSON.stringify(plugin.cases).replaceAll("{server}", host)) as readonly Case[], // as they were
  }));
}

export function titleOf(one: Case): string {
  return one.title === undefined ? one.function : `${one.function}: ${one.title}`;
}

/** The call a case asks for, with the suite's fixed time and seed. */
export function callOf(one: Case): HostedCall {
  const { config = {}, limits = {}, grants } = one;
  return { ...sandboxCall(one.function, { input: inputOf(one), config, limits }), ...(grants && { grants }) };
}

function inputOf({ input, inputBase64, inputRepeat }: Case): string | Uint8Array {
  if (inputBase64 !== undefined) return new Uint8Array(Buffer.from(inputBase64, "base64"));
  return inputRepeat === undefined ? (input ?? "") : inputRepeat.text.repeat(inputRepeat.times);
}
