import * as v from "valibot";
import { ROLE_NAMES } from "../../../sdk/contract/roles.ts";

/** Roles of a member or a key: at least one, each once. */
export const roleList = v.pipe(
  v.array(v.picklist(ROLE_NAMES)),
  v.minLength(1, "must name at least one role"),
  v.check((roles) => new Set(roles).size === roles.length, "must name each role once"),
);

const subject = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(255),
  // eslint-disable-next-line no-control-regex -- control characters are what it refuses
  v.regex(/^[^\u0000-\u001f\u007f]+$/, "must not contain control characters"),
  v.description("`sub` of the member's tokens"),
);

export const MemberParams = v.object({ subject });

export const MemberBody = v.strictObject({ roles: roleList });

export const MemberAnswer = v.object({
  subject,
  roles: v.pipe(roleList, v.description("Used where the member's token carries no roles of its own")),
  createdAt: v.pipe(v.number(), v.description("Milliseconds since the epoch")),
});

export type Member = v.InferOutput<typeof MemberAnswer>;
