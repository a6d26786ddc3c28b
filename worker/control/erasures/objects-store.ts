import { namesTenant, prefixesOf } from "./rules.ts";

/** A tenant's objects in R2. */

type Bucket = Pick<Env, "STORE">["STORE"];

/** Listings of up to 1,000 objects that one plan counts in one place. */
const COUNTED_PAGES = 20;
/** Listings that one step of a deletion or a scan takes. */
const PAGES_PER_STEP = 20;

/** Objects of the tenant by place. `more`: there are more than were counted. */
export async function countObjects(
  bucket: Bucket,
  tenantId: string,
): Promise<{ readonly objects: Readonly<Record<string, number>>; readonly more: boolean }> {
  const objects: Record<string, number> = {};
  let more = false;
  for (const prefix of prefixesOf(tenantId)) {
    let cursor: string | undefined;
    let count = 0;
    for (let page = 0; page < COUNTED_PAGES && (page === 0 || cursor !== undefined); page++) {
      const listed: R2Objects = await bucket.list({ prefix, ...(cursor === undefined ? {} : { cursor }) });
      count += listed.objects.length;
      cursor = listed.truncated ? listed.cursor : undefined;
    }
    more ||= cursor !== undefined;
    if (count > 0) objects[prefix] = count;
  }
  return { objects, more };
}

/** Deletes what is below a prefix, as much as one step takes. */
export async function deletePrefix(
  bucket: Bucket,
  prefix: string,
): Promise<{ readonly deleted: number; readonly more: boolean }> {
  let deleted = 0;
  for (let page = 0; page < PAGES_PER_STEP; page++) {
    const { objects, truncated } = await bucket.list({ prefix });
    if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
    deleted += objects.length;
    if (!truncated) return { deleted, more: false };
  }
  return { deleted, more: true };
}

/** Looks through all keys of the store from one on. @returns `after`: where the next step goes on; undefined: at the end */
export async function findObjects(
  bucket: Bucket,
  tenantId: string,
  from: string,
): Promise<{ readonly found: readonly string[]; readonly after: string | undefined }> {
  const found: string[] = [];
  let after: string | undefined = from;
  for (let page = 0; page < PAGES_PER_STEP && after !== undefined; page++) {
    const listed: R2Objects = await bucket.list(after === "" ? {} : { startAfter: after });
    for (const { key } of listed.objects) {
      const waiting = key.startsWith("outcomes/") && (await bucket.get(key).then((object) => object?.text()));
      const isOwn = waiting ? waiting.includes(`"tenantId":${JSON.stringify(tenantId)}`) : namesTenant(key, tenantId);
      if (isOwn) found.push(key);
    }
    after = listed.truncated ? listed.objects.at(-1)?.key : undefined;
  }
  return { found, after };
}
