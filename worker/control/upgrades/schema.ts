import * as v from "valibot";
import { VERSION_MAX_LENGTH, VERSION_PATTERN } from "../../../sdk/contract/version.ts";
import { WHOLE_SHARE } from "../../execution/canary.ts";
import { VersionListItem } from "../packages/schema.ts";
import { DEFAULT_STEPS } from "./canary-rules.ts";
import { DEFAULT_FUEL_BAND, DEFAULT_REPLAYS, MOST_REPLAYS } from "./gate-rules.ts";
import type { CanaryStep, Upgrade } from "./upgrade-record.ts";

const version = v.pipe(
  v.string("must be a semantic version such as 1.2.0"),
  v.maxLength(VERSION_MAX_LENGTH, `must be at most ${VERSION_MAX_LENGTH} characters`),
  v.regex(VERSION_PATTERN, "must be a semantic version such as 1.2.0"),
);
const channel = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9-]{0,31}$/, "must be a channel such as stable or beta: up to 32 of a-z, 0-9 and -"),
  v.description(
    "stable: releases only. Any other: prereleases whose first word it is, such as 1.4.0-beta.2, and releases",
  ),
);
const reason = v.pipe(
  v.string(),
  v.minLength(1, "must not be empty"),
  v.maxLength(500, "must be at most 500 characters"),
);

function whole(minimum: number, maximum: number, what: string) {
  const message = `must be a whole number of ${what} from ${minimum} to ${maximum}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(minimum, message), v.maxValue(maximum, message));
}

const replays = v.optional(
  v.pipe(whole(0, MOST_REPLAYS, "recorded calls"), v.description("How many of the last recorded calls are replayed")),
  DEFAULT_REPLAYS,
);

const Steps = v.pipe(
  v.array(
    v.strictObject({
      share: v.pipe(whole(1, WHOLE_SHARE, "basis points"), v.description("Share of the calls; 500 is 5 %")),
      minutes: v.pipe(whole(0, 7 * 24 * 60, "minutes"), v.description("How long the step lasts at least")),
    }),
  ),
  v.maxLength(10, "must have at most 10 steps"),
  v.check(
    (steps) => steps.every(({ share }, at) => at === 0 || share > (steps[at - 1]?.share ?? 0)),
    "must grow in share",
  ),
  v.description("Empty: the candidate takes all calls once recorded calls came out alike"),
);

export const UpgradeBody = v.optional(
  v.pipe(
    v.strictObject({
      version: v.optional(version),
      channel: v.optional(channel),
      replays,
      fuelBand: v.optional(
        v.pipe(
          v.number("must be a number from 0 to 10"),
          v.minValue(0, "must be a number from 0 to 10"),
          v.maxValue(10, "must be a number from 0 to 10"),
          v.description("Share by which a call may use more fuel than recorded; 0.25 is a quarter more"),
        ),
        DEFAULT_FUEL_BAND,
      ),
      steps: v.optional(Steps, () => [...DEFAULT_STEPS]),
      assignBy: v.optional(
        v.pipe(
          v.picklist(["call", "subject"], "must be call or subject"),
          v.description(
            "call: each request by itself, or by its Idempotency-Key. subject: all calls of a caller alike",
          ),
        ),
        "call",
      ),
      keepStorage: v.optional(
        v.pipe(v.boolean("must be true or false"), v.description("What the install has stored is kept for a rollback")),
        true,
      ),
      force: v.optional(
        v.pipe(reason, v.description("Goes on although recorded calls came out otherwise, and says why")),
      ),
    }),
    v.check(
      (body) => body.version === undefined || body.channel === undefined,
      "must not name both version and channel",
    ),
  ),
  {},
);

export const AbortBody = v.optional(v.strictObject({ reason: v.optional(reason) }), {});
export const RollBackBody = v.optional(
  v.strictObject({
    version: v.optional(v.pipe(version, v.description("Absent: the version before that did not fail here"))),
    reason: v.optional(reason),
    restoreStorage: v.optional(
      v.pipe(
        v.boolean("must be true or false"),
        v.description(
          "Brings back what the install had stored before it left the version; what was stored since is lost",
        ),
      ),
      false,
    ),
  }),
  {},
);
export const PolicyBody = v.strictObject({
  policy: v.picklist(["none", "patch", "minor"], "must be one of: none, patch, minor"),
  channel: v.optional(channel, "stable"),
  pinned: v.optional(
    v.pipe(v.boolean("must be true or false"), v.description("The install stays in its version")),
    false,
  ),
});
export const PolicyAnswer = v.object({ pluginId: v.string(), version: v.string(), ...PolicyBody.entries });

export const BisectBody = v.strictObject({
  good: v.pipe(version, v.description("A version with recorded calls that came out right")),
  bad: v.pipe(version, v.description("A later version that answers otherwise")),
  replays,
});

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const value = v.nullable(v.union([v.string(), v.number()]));
const Case = v.object({
  executionId: v.string(),
  functionName: v.string(),
  verdict: v.picklist(["same", "fixed", "different", "not-comparable"]),
  differences: v.array(
    v.object({
      what: v.picklist(["output", "failure", "fuel", "function", "hostCalls"]),
      recorded: value,
      replayed: value,
    }),
  ),
});
const Gate = v.object({
  outcome: v.picklist(["passed", "refused", "unproven"]),
  fuelBand: v.number(),
  missingFunctions: v.array(v.string()),
  notRun: v.pipe(v.number(), v.description("Recorded calls for which there was no time")),
  cases: v.array(Case),
});

export const UpgradeAnswer = v.object({
  id: v.string(),
  installId: v.string(),
  pluginId: v.string(),
  fromVersion: v.string(),
  version: v.string(),
  state: v.picklist(["refused", "canary", "promoted", "returned", "aborted", "rolled-back"]),
  reason: v.nullable(v.string()),
  forced: v.boolean(),
  gate: Gate,
  steps: v.array(v.object({ share: v.number(), minutes: v.number() })),
  step: v.number(),
  stepStartedAt: time,
  assignBy: v.picklist(["call", "subject"]),
  candidateCalls: v.pipe(v.number(), v.description("Of the present step, as far as they are recorded")),
  candidateFaults: v.number(),
  incumbentCalls: v.number(),
  incumbentFaults: v.number(),
  startedBy: v.string(),
  startedAt: time,
  endedAt: v.nullable(time),
  storageKept: v.pipe(v.boolean(), v.description("True while a rollback can bring back what was stored before")),
});

export const BisectAnswer = v.object({
  pluginId: v.string(),
  good: v.string(),
  bad: v.string(),
  culprit: v.pipe(
    v.nullable(v.string()),
    v.description("The first version that answers otherwise; null: `bad` does not"),
  ),
  previous: v.pipe(v.nullable(v.string()), v.description("The last version before it")),
  recordedCalls: v.number(),
  replays: v.pipe(v.number(), v.description("Calls that were run")),
  tried: v.array(v.object({ version: v.string(), bad: v.boolean(), different: v.number() })),
  evidence: v.pipe(v.array(Case), v.description("Calls that the culprit answers otherwise")),
});

/** A version beside the others of its plugin, with what the tenant's install has to do with it. */
export const VersionStanding = v.object({
  ...VersionListItem.entries,
  channel: v.string(),
  standing: v.pipe(
    v.array(v.picklist(["current", "candidate", "previous", "kept", "failed"])),
    v.description(
      "current: runs. candidate: an upgrade tries it. previous: a rollback leads there. kept: one may. failed: it was refused, taken back or rolled back",
    ),
  ),
  pinned: v.pipe(v.boolean(), v.description("True for the installed version of an install that stays in it")),
  asks: v.pipe(v.array(v.string()), v.description("Capabilities that its manifest asks for")),
  needsConsent: v.pipe(v.boolean(), v.description("True where it asks for more than the installed version")),
});

/** An upgrade as operators see it; what its candidate is configured with is not shown. */
export function describeUpgrade(upgrade: Upgrade): v.InferInput<typeof UpgradeAnswer> {
  const {
    tenantId: _own,
    versionId: _row,
    salt: _secret,
    effective: _config,
    secrets: _sealed,
    storageSegments,
    gate,
    steps,
    ...shown
  } = upgrade;
  const cases = gate.cases.map((one) => ({ ...one, differences: [...one.differences] }));
  return {
    ...shown,
    storageKept: storageSegments !== null,
    steps: steps.map((step: CanaryStep) => ({ ...step })),
    gate: { ...gate, missingFunctions: [...gate.missingFunctions], cases },
  };
}
