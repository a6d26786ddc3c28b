import { REMEDIES, type Remedy } from "../worker/control/healing/healing-record.ts";
import {
  FAULT_WINDOW_MS,
  HEALABLE_CODES,
  HEALING_RULES,
  PLATFORM_LIMITS,
  REMEDY_LIMITS,
} from "../worker/control/healing/rules.ts";

/** docs/healing.md: the rules and their limits are those that the healer decides by. */

const DONE: Readonly<Record<Remedy, readonly [does: string, undone: string]>> = {
  restart: ["a new generation of isolates at every location; the lifecycle is stopped and started", "nothing"],
  repair: [
    "holds package, modules and files against their digests, makes anew what is missing or damaged, and goes on in new isolates",
    "nothing",
  ],
  rollback: ["goes back to the version before, if its breaker is closed and it did not fail here before", "the move"],
  "safe-mode": ["takes every capability and half of each limit that is not built into the module", "safe mode"],
  quarantine: ["takes no calls any more; only a person releases it", "nothing"],
  "leave-safe-mode": ["gives capabilities and limits back; by operators only", "nothing"],
};

const INTRODUCTION = `Each minute the platform looks for installs that are sick: calls of the last ${FAULT_WINDOW_MS / 60_000} minutes that failed with
${HEALABLE_CODES.map((code) => `\`${code}\``).join(", ")}; a circuit breaker that opened in the last hour; an open finding of an audit that names one of the
remedies below. What a caller can provoke, by a small limit or a bad input, is never a reason: only the breaker counts faults of a plugin,
and it leaves those out. The setting \`audit.autoFix\` ([settings.md](settings.md)) turns all of this off; what operators do by hand goes on.`;

const ROUTES = `| to | ask |
| --- | --- |
| restart, repair | \`POST /api/plugins/restart/:id\`, \`/repair/:id\` (also \`/:id/restart\`, \`/:id/repair\`), with a \`reason\` |
| enter or leave safe mode | \`PUT /api/plugins/safe-mode/:id\` with \`{ "enabled": true, "reason": … }\` (also \`/:id/safe-mode\`) |
| quarantine, release | \`POST /api/plugins/:id/quarantine\`, \`/:id/release\`, with a \`reason\`; what is released is inactive |
| let the rules choose now | \`POST /api/plugins/self-debug/heal/:id\` (also \`/:id/heal\`); with \`{ "dryRun": true }\` it says what would be done and does nothing |
| see what was done | \`GET /api/plugins/self-debug/healing-events\`, with \`pluginId\`, \`remedy\`, \`cause\`, \`outcome\`; kept for 90 days |`;

const VERIFYING = `After a remedy, up to three recorded calls that had failed (with the code it is about, where it is about one) and up to three that had
succeeded are run again, as the install is now: its code, its isolates, the smaller of the limits then and now; in safe mode every
capability is refused, otherwise it answers from the recording ([recording.md](recording.md)). Then its \`health_check\` is called. It has
not helped where one of the failed calls still fails, a good one now fails, or the plugin says that it is unhealthy. What a plugin does counts
more than what it says: one that calls itself healthy while its calls fail is not believed, and the explanation says so. A breaker that
is open then lets a probe through at once.

| outcome | means |
| --- | --- |
| \`helped\` | recorded calls that failed now succeed, or the cause is seen to be gone |
| \`unproven\` | it was done; nothing was recorded that could show more, and there is no \`health_check\` |
| \`undone\` | it did not help, and was taken back |
| \`failed\` | it could not be done, or did not help and cannot be taken back; an operator's own choice is never taken back |
| \`dry-run\` | nothing was done |
| \`running\` | it is not over; it is the lease too: one remedy at a time for one install, and none longer than five minutes; what is cut off is then closed as \`failed\`, and told |

Each event holds cause, code, reason, the install before and after (version, state, generation, breaker, calls and faults), what the
verification saw, and who did it. \`healing.ended\` is in the event log, and the change itself is in the audit log.`;

const STORED = `An install runs the rewritten form of its modules, each proved by its digest when an isolate loads it. A repair makes that form again from the
modules as uploaded, and writes it only as what it should be. A lost module as uploaded is taken from the package, if that is an archive, and
otherwise from a backup. Where the original is in no place the repair is \`failed\` and says what is lost; after two of them the rules go
back to an earlier version or quarantine. A store that does not answer (\`MODULE_UNAVAILABLE\`) is not damage: it is tried again, and never a
reason for anything harsher. Uploading the same package again replaces damaged objects too.`;

/** @param table  makes a table of Markdown of a head and rows */
export function healingPage(
  made: string,
  table: (head: readonly string[], rows: readonly (readonly string[])[]) => string,
): string {
  const rules = HEALING_RULES.map(({ remedy, when, why }, at) => [String(at + 1), when, `\`${remedy}\``, why]);
  const remedies = REMEDIES.map((remedy) => {
    const { perHour, backoffMs } = REMEDY_LIMITS[remedy];
    const [does, undone] = DONE[remedy];
    return [`\`${remedy}\``, does, undone, String(perHour), `${backoffMs / 1_000} s`];
  });
  const { most, periodMs } = PLATFORM_LIMITS;
  return [
    `# Healing\n\n${made}\n\n${INTRODUCTION}\n\n${ROUTES}`,
    `## Which remedy\n\nIn this order; the first rule that holds, and whose remedy is not used up, decides. While its backoff lasts, nothing else is tried.`,
    table(["", "when", "remedy", "because"], rules),
    `## Remedies and their limits\n\nFor one install, where nobody asked; on the whole platform at most ${most} in ${periodMs / 60_000} minutes, so that a bad deployment does not heal everything at once. Isolates are replaced at most 3 times in 10 minutes and 24 times in a day, whoever asks.`,
    table(
      ["remedy", "does", "taken back where it did not help", "tries in an hour", "wait after a try, doubling"],
      remedies,
    ),
    `## Whether it helped\n\n${VERIFYING}`,
    `## What is stored\n\n${STORED}\n`,
  ].join("\n\n");
}
