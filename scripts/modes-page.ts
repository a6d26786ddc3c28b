import { LOSSES, MODES, type ModeSpec } from "../sdk/contract/modes.ts";
import { ENVIRONMENT_PROBES } from "../worker/control/environment/rules.ts";
import { PATIENCE_MS } from "../worker/lib/patience.ts";

type Table = (head: readonly string[], rows: readonly (readonly string[])[]) => string;

const MODES_INTRODUCTION = `Running plugins needs no database: it reads the tenant's snapshot. So when D1 or R2 is away, plugins go on, and what cannot be done
safely is refused with a code and the time to wait. Answers name a mode other than \`normal\` in \`x-patchbay-mode\`; what was made
from a snapshot because D1 is away carries \`stale: { since }\`.

The mode is held by one Durable Object and known to every worker isolate, at most 10 s old. Admins of the platform read it at
\`GET /api/plugins/migration-proof/status\`, probe everything at \`GET …/migration-proof/health\`, and choose it with
\`PUT …/migration-proof/mode\`, \`{ "mode": "emergency", "reason": "…" }\`; that works while D1 is away. Each change is an event
\`mode.changed\` of the platform tenant, and one that somebody chose a row of the audit log too; they are recorded in order, once
D1 can take them. An emergency asks for a backup with the event \`backup.requested\`. \`/migration-proof/*\` goes on in every mode.

How modes follow one another:

* The first failure of D1 or R2 that a request meets is told to the object, and the store is tried again every 100 ms behind the
  answer. \`migration.emergencyErrorThreshold\` failures within a minute (5) make the platform fall back: within 2 s (measured: 0.6 s),
  also without traffic. What SQLite says of a statement is no such failure.
* In fallback the stores are probed at most once a second, by whatever request comes by, and by the cron job every minute. A good
  probe begins the recovery, three in a row end it: about 3 s (measured: 2.1 s after the first). \`migration.autoRecovery\` turns that off. A mode that an operator
  chose is left by an operator only.
* Each worker isolate holds its deployment against the data behind its first answer, the cron job every minute. What could do
  damage enters emergency mode, and once the deployment fits the platform recovers. An operator who chooses \`normal\` takes that
  danger upon himself: for it alone the mode is not entered again.`;

const MODES_RETRY = `## A change whose answer was lost

An operation that fails because a store is away answers 503 \`DATABASE_UNAVAILABLE\` or \`STORE_UNAVAILABLE\` with \`mayHaveApplied\`:
false where nothing was changed, true where the change may have been made, wholly. Repeating it leads to the same end, but for
what makes a new thing each time (keys, webhooks): look for it first. Every operation is tried under every fault of what it
touches (\`test/workers/faults/api-faults-*.test.ts\`).`;

const MODES_PATIENCE = `## A part that never answers

It counts as away once its time is up, and everything on this page holds. A change that was asked of D1 may then have been made: \`mayHaveApplied\` is
true, and repeating it is the way to know. A store that did not answer a request in time is not asked by it again for 10 s (D1) or
3 s (R2), so that a request with many steps waits once. What an execution waits for is shorter than its wall clock, so that no plugin is blamed.
Tested with parts that hang: \`test/workers/modes/hangs.test.ts\`.`;

const PATIENCE_ROWS: Readonly<Record<keyof typeof PATIENCE_MS, string>> = {
  database: "D1: a query or a batch",
  storeRead: "R2: an object, its head or a listing",
  storeWrite: "R2: a write, or a body as a whole; content that somebody sends or takes as a stream is not bounded",
  queue: "a queue that is sent to",
  objects: "health, idempotency, inbox and event stream objects",
  dataObjects: "objects with plugins' storage, databases and files, and trial restores",
  mode: "the mode object; what was known holds, and it is asked again behind answers",
  snapshotCheck: "R2, by a call that has an older snapshot at hand",
};

function patienceTable(table: Table): string {
  const rows = Object.entries(PATIENCE_ROWS).map(([name, what]) => {
    const ms = PATIENCE_MS[name as keyof typeof PATIENCE_MS]; // Object.entries loses the key type
    return [what, `${ms / 1_000} s`];
  });
  return table(["what", "is waited for"], rows);
}

/** @param table  makes a table of Markdown of a head and rows */
export function modesPage(made: string, table: Table): string {
  const modes = Object.entries(MODES).map(([mode, spec]: [string, ModeSpec]) => [
    `\`${mode}\``,
    spec.title,
    spec.reads,
    spec.writes,
    spec.retryAfter === undefined ? "" : `${spec.retryAfter} s`,
  ]);
  const losses = Object.values(LOSSES).map(({ part, executions, reads, writes, records }) => [
    part,
    executions,
    reads,
    writes,
    records,
  ]);
  const probes = ENVIRONMENT_PROBES.map(({ name, title, danger }) => [
    `\`${name}\``,
    title,
    danger ? "emergency" : "recorded",
  ]);
  return [
    "# Modes of operation",
    made,
    MODES_INTRODUCTION,
    table(["mode", "when", "reads", "writes", "try again after"], modes),
    "## When a part is away",
    "Each row has a test of its own (`test/workers/modes/losses.test.ts`).",
    table(["without", "executions", "reads", "writes", "records and events"], losses),
    MODES_RETRY,
    `${MODES_PATIENCE}\n\n${patienceTable(table)}`,
    "## The deployment and its data",
    "A deployment's fingerprint is the worker's version, the names of its bindings, the runtime's flags, the last migration that it needs and that there is, and the ids of its keys, never the keys. One that was not seen before is kept in D1 and told with `environment.changed`.",
    table(["probe", "finds that", "then"], probes),
  ]
    .join("\n\n")
    .concat("\n");
}
