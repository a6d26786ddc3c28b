import { env } from "cloudflare:workers";
import { ERRORS, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { runDueAudits } from "../../../worker/control/audits/actions/start.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { followEvents } from "../../../worker/control/events/actions/follow.ts";
import { closeCutOff } from "../../../worker/control/healing/actions/end.ts";
import { LATE_WRITES_MS } from "../../../worker/control/removals/rules.ts";
import { clearRemovedInstalls } from "../../../worker/control/removals/actions.ts";
import { snapshotKey } from "../../../worker/execution/snapshot.ts";
import { joinPath, MOUNTS } from "../../../worker/http/path-table.ts";
import type { Route } from "../../../worker/http/route.ts";
import { routes } from "../../../worker/routes.ts";
import type { ApiAnswer } from "./api.ts";
import { exampleOf, requestFor } from "./examples.ts";
import { readingOf, STREAMED, type Rows } from "./fault-readings.ts";
import { after, fails, hangs, losesAnswer, truncates, type Fault, type Part, type SteppingClock } from "./faults.ts";
import { kindOf } from "./faulty-bindings.ts";
import { FaultyApp } from "./faulty-app.ts";
import { HeldQueue } from "./held-queue.ts";
import { tablesOf, seedResources, type Resources } from "./resources.ts";
import { mintToken } from "./tokens.ts";

/**
 * Every operation under every single fault of what it touches. Whatever breaks: each failure has a code; what was acknowledged
 * is there; what was not, either did not happen or is said to be in doubt, and never happened by half.
 */

/** Most places within one request at which a part is made to fail. */
const MOST_PLACES = 6;

/** What an operation would make beside its change, where nobody made it before. */
const PREPARED_BY: Readonly<Record<string, string>> = { rotatePluginWebhookSecret: "getPluginWebhookSecret" };

/** Queues that keep what they take: a consumer at work beside the test would change rows at its own pace. */
const held = { send: () => Promise.resolve(), sendBatch: () => Promise.resolve(), metrics: () => Promise.resolve() };
const queues = Object.entries(env).flatMap(([name, binding]) => (kindOf(binding) === "queue" ? [[name, held]] : []));
/** The same of the Workflow: its steps would still be under way when the last test has ended. */
const runs = { create: () => Promise.resolve({}) };
/** Of the cron jobs' own bells all are answered. */
const audits = new HeldQueue();
const HOLDING = { ...env, ...Object.fromEntries(queues), AUDITS: audits, BACKUP_RUNS: runs } as unknown as Env; // their answers are not read

/** Of an answer that broke off in the middle, which HTTP has no status for. */
const BROKEN_OFF = 599;
/** Past all that waits for its time: leases of remedies, chunks of audits, second passes of removals. Milliseconds. */
const SETTLED_MS = LATE_WRITES_MS + 60_000;
/** Tokens that outlive that. Seconds since the epoch. */
const claims = { exp: Math.floor(Date.now() / 1_000) + 86_400 };

/** One that is never the one to try a store out, so that the platform's mode stays what it is for the next case. */
function freshIsolate(): FaultyApp {
  const app = new FaultyApp(HOLDING);
  app.kept.mode.tryingUntil = Infinity;
  app.kept.environment.checked = true;
  return app;
}

let made = 0;

/** All names have the same length: sizes that depend on them are then comparable. */
async function seed(): Promise<Resources> {
  return seedResources(`f${String(++made).padStart(5, "0")}`);
}

async function call(app: FaultyApp, route: Route, resources: Resources): Promise<ApiAnswer> {
  const example = exampleOf(route, resources);
  const [mount = ""] = MOUNTS[route.mount];
  const tenant = route.permission === "platform:admin" ? PLATFORM_TENANT : resources.tenantId;
  const token = await mintToken({ tenant, roles: ["admin"], claims });
  const answer = app.request(route.method, joinPath(mount, example.path), requestFor(example, token));
  if (!STREAMED.has(route.operationId)) return answer;
  return answer.catch(() => ({ status: BROKEN_OFF, headers: new Headers(), body: null }));
}

/** What differs between two runs of the same request: names, times, ids, secrets. */
function anonymous(text: string, { tenantId }: Resources): string {
  return text
    .replaceAll(tenantId, "TENANT")
    .replaceAll(/[0-9A-HJKMNP-TV-Z]{26}/g, "ULID")
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID")
    .replaceAll(/\b[0-9a-f]{32,64}\b/g, "HEX")
    .replaceAll(/[A-Za-z0-9+/=_-]{40,}/g, "SEALED")
    .replaceAll(/(?<=:|\b)1[0-9]{12}\b/g, "0");
}

async function stateOf(resources: Resources): Promise<Rows> {
  const tables = await Promise.all([resources.tenantId, `${resources.tenantId}-new`].map(tablesOf));
  const rows = tables.flat().flatMap(([table, all]) => all.map((row) => `${table} ${JSON.stringify(row)}`));
  return rows.map((row) => anonymous(row, resources)).toSorted();
}

/** What the cron jobs do, within a quarter of an hour, for what a request left undone. What only reads leaves nothing. */
async function settle(app: FaultyApp, { method }: Route, { tenantId }: Resources): Promise<void> {
  if (method === "get") return;
  await app.run(async (deps) => {
    await compileSnapshot(deps, tenantId);
    await clearRemovedInstalls(deps);
    await followEvents(deps, tenantId);
  });
  app.clock.advance(SETTLED_MS);
  await app.run(async (deps) => {
    await closeCutOff(deps);
    await clearRemovedInstalls(deps);
    await runDueAudits(deps);
  });
  await audits.deliver(app, "patchbay-audits");
  await app.run((deps) => followEvents(deps, tenantId));
}

async function storedRevision(tenantId: string): Promise<number | undefined> {
  const object = await env.STORE.head(snapshotKey(tenantId));
  return object ? Number(object.customMetadata?.["revision"]) : undefined;
}

async function committedRevision(tenantId: string): Promise<unknown> {
  const row = await env.DB.prepare("SELECT snapshot_revision AS revision FROM tenants WHERE id = ?")
    .bind(tenantId)
    .first();
  return row?.["revision"];
}

interface Case {
  readonly part: Part;
  readonly name: string;
  readonly fault: Fault | ((clock: SteppingClock) => Fault);
}

/** Every fault of a part that did so many operations for the request. One that changes nothing cannot be left half done. */
function casesOf({ method }: Route, part: Part, uses: number): Case[] {
  const count = Math.min(uses, method === "get" ? 1 : MOST_PLACES);
  // From the first operation to the last, evenly.
  const places = Array.from({ length: count }, (_, at) => Math.floor((at * (uses - 1)) / Math.max(1, count - 1)));
  const changing = method === "get" ? [] : places;
  // What never answers takes the way of what fails once it is given up, so that two places show it.
  const hanging = count === 0 ? [] : [...new Set([0, Math.floor(uses / 2)])].slice(0, method === "get" ? 1 : 2);
  return [
    ...places.map((place) => ({ part, name: `fails after ${place}`, fault: fails(after(place)) })),
    ...hanging.map((place) => ({
      part,
      name: `hangs after ${place}`,
      fault: (clock: SteppingClock) => hangs(clock, true, after(place)),
    })),
    ...changing.map((place) => ({ part, name: `loses answers after ${place}`, fault: losesAnswer(after(place)) })),
    ...(part === "STORE" && uses > 0 ? [{ part, name: "reads end early", fault: truncates(10) }] : []),
  ];
}

interface Clean {
  readonly cases: readonly Case[];
  readonly answer: ApiAnswer;
  readonly rows: Rows;
}

/** The request as it is when nothing breaks, and what could break. */
async function runClean(route: Route): Promise<Clean> {
  const [app, resources] = [freshIsolate(), await seed()];
  await warm(app, route, resources);
  const before = new Map(app.faults.parts.map((part) => [part, app.faults.uses(part).length]));
  const answer = await call(app, route, resources);
  const cases = app.faults.parts.flatMap((part) =>
    casesOf(route, part, app.faults.uses(part).length - (before.get(part) ?? 0)),
  );
  await settle(app, route, resources);
  return { cases, answer, rows: await stateOf(resources) };
}

/** With the tenant's snapshot in memory a fault strikes the operation rather than the proof of identity. */
async function warm(app: FaultyApp, { operationId }: Route, resources: Resources): Promise<void> {
  await app.run((deps) => deps.snapshots.read(resources.tenantId));
  await app.run((deps) => deps.snapshots.read(PLATFORM_TENANT));
  const earlier = routes.find((route) => route.operationId === PREPARED_BY[operationId]);
  if (earlier) await call(app, earlier, resources);
}

function isSuccess({ status }: ApiAnswer): boolean {
  return status < 400;
}

/** @returns what is wrong, in words; undefined: nothing */
async function flawUnder({ part, fault }: Case, route: Route, clean: Clean): Promise<string | undefined> {
  const [app, resources] = [freshIsolate(), await seed()];
  await warm(app, route, resources);
  const before = await stateOf(resources);
  app.faults.inject(part, typeof fault === "function" ? fault(app.clock) : fault);
  const answer = await call(app, route, resources);
  app.faults.heal();
  const compiled = [await storedRevision(resources.tenantId), await committedRevision(resources.tenantId)];
  await settle(app, route, resources);
  const left = await stateOf(resources);
  const saysDone = isSuccess(answer) && readingOf(route).saysDone(answer.body);
  const isWhole = !saysDone || compiled[0] === compiled[1];
  return (
    brokenWord(route, { answer, before, left, clean: clean.rows }) ??
    (isWhole ? undefined : "answered well, but execution does not see the change") ??
    (isSuccess(answer) ? undefined : await staysBroken(app, route, resources, clean))
  );
}

interface Run {
  readonly answer: ApiAnswer;
  readonly before: Rows;
  readonly left: Rows;
  readonly clean: Rows;
}

function brokenWord(route: Route, { answer, before, left, clean }: Run): string | undefined {
  const { status } = answer;
  const reading = readingOf(route);
  const [was, is, done] = [before, left, clean].map((rows) => reading.change(rows, left).join("\n"));
  const body = isSuccess(answer) ? answer.body : undefined;
  // Null where the answer broke off: then it had begun well.
  const problem = answer.body as { code?: ErrorCode; mayHaveApplied?: boolean } | null;
  const hasCode = status < 500 || status === BROKEN_OFF || (problem?.code && ERRORS[problem.code].status === status);
  if (!hasCode) return "failed without a code";
  if (isSuccess(answer) && reading.saysDone(body)) {
    if (is !== done) return `answered ${status}, but left ${difference(done, is)}`;
  } else if (is !== was && is !== done) {
    return `left half of the change: ${difference(done, is)}`;
  }
  if (status >= 500 && problem && is !== was && was !== done && problem.mayHaveApplied !== true) {
    return `applied the change and answered ${problem?.code} without a word of it`;
  }
  return reading.flaw(left, clean, body);
}

async function staysBroken(
  app: FaultyApp,
  route: Route,
  resources: Resources,
  clean: Clean,
): Promise<string | undefined> {
  const { status } = await call(app, route, resources);
  return status >= 500 && status !== clean.answer.status ? `stays broken: ${status}` : undefined;
}

function difference(expected: string | undefined, found: string | undefined): string {
  const [had = [], has = []] = [expected?.split("\n"), found?.split("\n")];
  const missing = had.filter((row) => !has.includes(row)).map((row) => `- ${row.slice(0, 900)}`);
  const surplus = has.filter((row) => !had.includes(row)).map((row) => `+ ${row.slice(0, 900)}`);
  return [...missing, ...surplus].join("\n") || "one row more than once";
}

/** @returns how the operation breaks its word, and under which fault */
export async function flawsOf(route: Route): Promise<string[]> {
  const clean = await runClean(route);
  const flaws: string[] = [];
  for (const broken of clean.cases) {
    // oxlint-disable-next-line no-await-in-loop -- one request at a time, so that each has its own fault
    const flaw = await flawUnder(broken, route, clean);
    if (flaw !== undefined) flaws.push(`${broken.part} ${broken.name}: ${flaw}`);
  }
  return flaws;
}
