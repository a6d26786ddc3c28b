import type { SandboxCall, SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import type { BuiltPlugin } from "./build.ts";
import type { Isolate } from "./conformance-worker.ts";
import { callOf, type Case } from "./cases.ts";
import { clip, textOf } from "./judge.ts";

/**
 * What overlapping calls in one isolate see of each other: nothing. Every call carries a secret of its own as its input and its
 * tenant's secret in its configuration; no secret may turn up in another call's output, error or log, nor, when all is over, in
 * the memory of a new call.
 */

const CALLS = 8;
const TENANTS = ["amber", "birch"] as const;

/** A test and what is wrong; nothing where it passed. */
export interface Verdict {
  readonly name: string;
  readonly faults: readonly string[];
}

interface SecretCall {
  readonly call: SandboxCall;
  readonly tenant: string;
  readonly secret: string;
  /** Exact output, undefined where any ending will do. */
  readonly output: string | undefined;
}

/** Calls that end badly, each in its own way, with the secret in their memory when they do. */
const ENDINGS: readonly Omit<Case, "expect">[] = [
  { function: "trap" },
  { function: "recurse" },
  { function: "spin", limits: { fuel: 60_000_000 } },
  { function: "fail" },
  { function: "hoard" },
  { function: "leave", input: "3" },
  { function: "nap", input: "60000", limits: { wallClock: 100 } },
];

export async function testIsolation(plugin: BuiltPlugin, isolate: Isolate): Promise<readonly Verdict[]> {
  const has = (name: string): boolean => plugin.functions.has(name);
  const verdicts: Verdict[] = [];
  const secrets: string[] = [];
  const test = async (name: string, calls: readonly SecretCall[]): Promise<void> => {
    secrets.push(...calls.map((one) => one.secret));
    const outcomes = await isolate.call(
      calls.map((one) => one.call),
      "overlapping",
    );
    verdicts.push({ name, faults: [...wrongOutputs(calls, outcomes), ...leaks(calls, outcomes)] });
  };
  if (has("remember")) await test(`${CALLS} overlapping calls`, keepers("remember", "first"));
  if (has("remember_and_wait"))
    await test(`${CALLS} overlapping calls that wait`, keepers("remember_and_wait", "second"));
  const waiting = has("remember_and_wait") ? "remember_and_wait" : "remember";
  const endings = ENDINGS.filter((ending) => has(ending.function)).map(endingCall);
  if (has(waiting)) await test("calls beside others that end badly", [...keepers(waiting, "third"), ...endings]);
  if (has("scan")) verdicts.push(await searchMemory(isolate, secrets));
  return verdicts;
}

function keepers(name: string, round: string): readonly SecretCall[] {
  return Array.from({ length: CALLS }, (_, index) => {
    const tenant = TENANTS[index % TENANTS.length] ?? TENANTS[0];
    const secret = `the ${round} secret of ${tenant}, number ${index}, ${"kept ".repeat(index)}close`;
    const configured = `configured by ${tenant}`;
    const kept = name === "remember" ? "" : secret;
    return {
      tenant,
      secret,
      call: callOf({ function: name, input: secret, config: { secret: configured }, expect: {} }),
      output: `static=[${kept}] var=[${kept}] input=[${secret}] config=[${configured}]`,
    };
  });
}

/** The input is the secret where the function takes any; else the function's own, and the secret is configured. */
function endingCall(ending: Omit<Case, "expect">, index: number): SecretCall {
  const tenant = TENANTS[index % TENANTS.length] ?? TENANTS[0];
  const secret = `the last secret of ${tenant}, taken to the end of ${ending.function}`;
  const config = { secret: `configured by ${tenant}`, planted: secret };
  return { tenant, secret, output: undefined, call: callOf({ input: secret, ...ending, config, expect: {} }) };
}

function wrongOutputs(calls: readonly SecretCall[], outcomes: readonly SandboxOutcome[]): readonly string[] {
  return calls.flatMap(({ output, call }, index) => {
    const outcome = outcomes[index];
    if (output === undefined) return outcome?.failure === undefined ? [`${call.functionName} did not fail`] : [];
    const found = outcome?.failure?.detail ?? textOf(outcome?.output);
    return found === output ? [] : [`call ${index} answered ${clip(found)}`];
  });
}

/** Secrets in the outcome of a call that does not own them. */
function leaks(calls: readonly SecretCall[], outcomes: readonly SandboxOutcome[]): readonly string[] {
  return calls.flatMap((own, index) => {
    const outcome = outcomes[index];
    const seen = JSON.stringify([textOf(outcome?.output), outcome?.failure, outcome?.logs]);
    const foreign = calls.filter((other) => other !== own && seen.includes(other.secret));
    const otherTenants = TENANTS.filter((tenant) => tenant !== own.tenant && seen.includes(tenant));
    return [
      ...foreign.map((other) => `call ${index} (${own.call.functionName}) shows: ${other.secret}`),
      ...otherTenants.map((tenant) => `call ${index} (${own.call.functionName}) shows the tenant ${tenant}`),
    ];
  });
}

/** The secret to look for is given inverted, so that looking does not bring it into memory. */
async function searchMemory(isolate: Isolate, secrets: readonly string[]): Promise<Verdict> {
  const wanted = secrets.filter((_, index) => index % 5 === 0 || index >= secrets.length - ENDINGS.length);
  const calls = wanted.map((secret) => {
    const inverted = Buffer.from(secret).map((byte) => ~byte & 0xff);
    return callOf({ function: "scan", inputBase64: Buffer.from(inverted).toString("base64"), expect: {} });
  });
  const outcomes = await isolate.call(calls, "in turn");
  const faults = outcomes.flatMap((outcome, index) => {
    const found = outcome.failure?.detail ?? textOf(outcome.output);
    return found === "0" ? [] : [`"${wanted[index]}": ${clip(found)}`];
  });
  return { name: "nothing of them in a later call's memory", faults };
}

/**
 * How the reference host fares where overlapping calls share one plugin object, as its documentation shows it.
 *
 * @returns how many of the calls got their own answer, another caller's, or an error
 */
export async function countExchanges(isolate: Isolate): Promise<{ own: number; foreign: number; failed: number }> {
  const calls = keepers("remember", "shared");
  const outcomes = await isolate.call(
    calls.map((one) => one.call),
    "together",
  );
  const counts = { own: 0, foreign: 0, failed: 0 };
  for (const [index, { output, failure }] of outcomes.entries()) {
    const isOwn = textOf(output).includes(`input=[${calls[index]?.secret}]`);
    counts[failure === undefined ? (isOwn ? "own" : "foreign") : "failed"] += 1;
  }
  return counts;
}
