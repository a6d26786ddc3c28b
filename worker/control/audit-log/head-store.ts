import * as v from "valibot";
import { dayOf } from "../grants/report-rules.ts";

/**
 * Heads of the chains of audit logs in R2, where a change of the database does not reach: one object per tenant and UTC day,
 * replaced by later heads of that day only.
 */

const Head = v.object({ sequence: v.pipe(v.number(), v.integer(), v.minValue(1)), hash: v.string(), at: v.number() });
export type Head = v.InferOutput<typeof Head>;

export interface StoredHead {
  readonly key: string;
  readonly etag: string;
  /** Undefined where the object is not a head. */
  readonly head: Head | undefined;
}

/** More than any day: keys count down, so that the newest is listed first. */
const DAYS = 99_999;

function prefixOf(tenantId: string): string {
  return `audit-heads/${tenantId}/`;
}

/** The newest head. */
export async function readHead(bucket: R2Bucket, tenantId: string): Promise<StoredHead | undefined> {
  const { objects } = await bucket.list({ prefix: prefixOf(tenantId), limit: 1 });
  const stored = objects[0] && (await bucket.get(objects[0].key));
  if (!stored) return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Head), await stored.text());
  return { key: stored.key, etag: stored.etag, head: parsed.success ? parsed.output : undefined };
}

/** @returns false where somebody else wrote one since `before` was read */
export async function writeHead(
  bucket: R2Bucket,
  tenantId: string,
  head: Head,
  before: StoredHead | undefined,
): Promise<boolean> {
  const today = `${prefixOf(tenantId)}${String(DAYS - dayOf(head.at)).padStart(5, "0")}`;
  // A clock that is behind must not hide a head under an older one.
  const key = before && before.key < today ? before.key : today;
  const onlyIf = before?.key === key ? { etagMatches: before.etag } : { etagDoesNotMatch: "*" };
  return (await bucket.put(key, JSON.stringify(head), { onlyIf })) !== null;
}
