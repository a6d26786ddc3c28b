import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { roleList } from "../members/schema.ts";

const time = v.pipe(v.number(), v.integer(), v.minValue(0), v.description("Milliseconds since the epoch"));

export const KeyParams = v.object({ keyId: v.pipe(v.string(), v.regex(ULID_PATTERN, "must be a key id (ULID)")) });

export const KeyBody = v.strictObject({
  name: v.pipe(v.string(), v.trim(), v.minLength(1, "must not be empty"), v.maxLength(100)),
  roles: roleList,
  expiresAt: v.optional(v.pipe(time, v.description("Milliseconds since the epoch; absent: it does not expire"))),
});

export const KeyAnswer = v.object({
  id: v.string(),
  name: v.string(),
  roles: roleList,
  status: v.picklist(["active", "expired", "revoked"]),
  createdAt: time,
  expiresAt: v.nullable(time),
  revokedAt: v.nullable(time),
});

export const NewKeyAnswer = v.object({
  ...KeyAnswer.entries,
  key: v.pipe(v.string(), v.description("The key itself: shown this once, never stored")),
});

export type KeyInput = v.InferOutput<typeof KeyBody>;
export type KeyAnswer = v.InferOutput<typeof KeyAnswer>;
export type NewKeyAnswer = v.InferOutput<typeof NewKeyAnswer>;

/** A key as stored: status is a matter of the time of asking. */
export type ApiKey = Omit<KeyAnswer, "status">;
