import * as v from "valibot";
import type { GateOutcome } from "./upgrade-record.ts";

/** Whether recorded calls must speak for a version before an install moves to it. */
export const GateChoice = v.pipe(
  v.picklist(["required", "skipped"], "must be required or skipped"),
  v.description(
    "required (the default): recorded calls are replayed in the other version, and one that comes out otherwise refuses it. skipped: " +
      "no call is replayed; needs the permission plugins:grant, and is noted in the audit log",
  ),
);

/** What was found before an install moves to another version at once. */
export interface Proof {
  /** The version that it was held against. */
  readonly from: string;
  readonly gate: GateOutcome | "skipped";
}
