/**
 * What an operation promises, read from the rows it left. For nearly all of them that is simple: everything or nothing. A few
 * report what they could see and do, and what they report rightly depends on what was away.
 */

/** A tenant's rows as text, `<table> <json>` each, without what differs between any two runs. */
export type Rows = readonly string[];

export interface Reading {
  /**
   * What must be there wholly or not at all.
   *
   * @param left  what the run under the fault left, where that decides what its report may leave out
   */
  readonly change: (rows: Rows, left: Rows) => Rows;
  /** Whether a good answer says that the change was made; else it says that it was not, or in part. */
  readonly saysDone: (body: unknown) => boolean;
  /** What is wrong with the report itself. */
  readonly flaw: (left: Rows, clean: Rows, body: unknown) => string | undefined;
}

const PLAIN: Reading = { change: (rows) => rows, saysDone: () => true, flaw: () => undefined };

function valuesOf(rows: Rows, table: string): Record<string, unknown>[] {
  const own = rows.filter((row) => row.startsWith(`${table} `));
  return own.map((row) => JSON.parse(row.slice(table.length + 1)) as Record<string, unknown>);
}

/** Rows that are not of these kinds, without their numbers: what is left out has some too. */
function without(rows: Rows, kinds: readonly RegExp[]): Rows {
  return rows
    .filter((row) => !kinds.some((kind) => kind.test(row)))
    .map((row) => row.replace(/"sequence":\d+/, '"sequence":"any"'));
}

/** One attempt to heal: its event, what the log says of its end, and its row of the audit log where the remedy left none. */
const ATTEMPT = [
  /^healing_events /,
  /^plugin_events .*"type":"healing\.ended"/,
  /^audit_log .*"action":"install\.heal"/,
];
/** A restart that failed may have stopped the plugin and not started it again, which each step says for itself. */
const STEPS = [/^plugin_events .*"type":"instance\.moved"/];

function attemptFlaw(left: Rows): string | undefined {
  const attempts = valuesOf(left, "healing_events").filter(({ outcome }) => outcome !== "dry-run");
  const running = attempts.filter(({ outcome }) => outcome === "running");
  if (running.length > 0) return "left a remedy that runs for ever";
  const told = left.filter((row) => ATTEMPT[1]?.test(row)).length;
  if (told !== attempts.length) return `${attempts.length} remedies ended, ${told} are in the log of events`;
  const audited = left.filter((row) => ATTEMPT[2]?.test(row)).length;
  const unseen = attempts.filter(({ verification }) => verification === null).length;
  return audited === unseen
    ? undefined
    : `${unseen} remedies were not seen to their end, ${audited} are in the audit log`;
}

/** Safe mode answers with the install: there a failed attempt is a failed request. */
const SAFE_MODE: Reading = { ...PLAIN, change: (rows) => without(rows, ATTEMPT), flaw: attemptFlaw };

/** The outcome that a remedy's answer names. */
function outcomeIn(body: unknown): string | undefined {
  const { outcome, healing } = body as { outcome?: string; healing?: { outcome?: string } | null };
  return outcome ?? healing?.outcome;
}

const REMEDY: Reading = {
  change: (rows, left) => {
    const hasFailed = valuesOf(left, "healing_events").some(({ outcome }) => outcome === "failed");
    return without(rows, hasFailed ? [...ATTEMPT, ...STEPS] : ATTEMPT);
  },
  saysDone: (body) => outcomeIn(body) !== "failed",
  flaw: (left, _, body) => {
    const outcomes = valuesOf(left, "healing_events").map(({ outcome }) => outcome);
    const said = body === undefined ? undefined : outcomeIn(body);
    if (said !== undefined && !outcomes.includes(said)) return `answered ${said}, but stored ${outcomes.join()}`;
    return attemptFlaw(left);
  },
};

/** What one audit found. */
const FOUND = [
  /^plugin_audits /,
  /^audit_findings /,
  /^plugin_events .*"type":"(audit\.finished|audit\.emergency|finding\.\w+)"/,
  /^plugin_events .*"type":"alert\.\w+"/,
  /^alerts /,
];

/** True of an audit that says itself that it could not look at everything. */
function isPartial(left: Rows): boolean {
  return valuesOf(left, "plugin_audits").some(({ failed }) => Number(failed) > 0);
}

function fixedIn(rows: Rows): number {
  return rows.filter((row) => row.includes('"type":"finding.fixed"')).length;
}

const AUDIT: Reading = {
  change: (rows, left) => (isPartial(left) ? without(rows, FOUND) : rows),
  saysDone: () => true,
  flaw: (left, clean, body) => {
    const runs = valuesOf(left, "plugin_audits");
    if (runs.some(({ finished_at: finishedAt }) => finishedAt === null)) return "left an audit that runs for ever";
    if (fixedIn(left) > fixedIn(clean)) return "took a finding for fixed that it did not look at";
    const { installs } = (body ?? {}) as { installs?: { failed: number } };
    const isSaid = installs === undefined || installs.failed > 0 === isPartial(left);
    return isSaid ? undefined : "did not say that it could not look at everything";
  },
};

/** Lines that end with the proof that they are whole: an export that breaks off is known by that. */
const EXPORT: Reading = {
  ...PLAIN,
  flaw: (_left, _clean, body) =>
    typeof body !== "string" || /\{"kind":"end","lines":\d+,"sha256":"[0-9a-f]{64}"\}\n$/.test(body)
      ? undefined
      : "ended without a proof that it is whole",
};

const READINGS: Readonly<Record<string, Reading>> = {
  auditPlugin: AUDIT,
  exportTenant: EXPORT,
  healPlugin: REMEDY,
  healPluginById: REMEDY,
  quarantinePluginById: REMEDY,
  repairPlugin: REMEDY,
  repairPluginById: REMEDY,
  restartPlugin: REMEDY,
  restartPluginById: REMEDY,
  setSafeMode: SAFE_MODE,
  setSafeModeById: SAFE_MODE,
};

export function readingOf({ operationId }: { readonly operationId: string }): Reading {
  return READINGS[operationId] ?? PLAIN;
}

/** Operations whose answer has begun before everything was read: a failure then breaks it off. */
export const STREAMED: ReadonlySet<string> = new Set(["exportTenant"]);
