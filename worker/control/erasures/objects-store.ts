import { listPages } from "../../lib/bucket-pages.ts";
import { namesTenant, prefixesOf } from "./rules.ts";

/** A tenant's objects in R2. */

type Bucket = Pick<Env, "STORE">["STORE"];

/** Objects that one plan counts in one place. */
const MOST_COUNTED = 20_000;
/** Listings that one step of a scan takes. */
const PAGES_PER_STEP = 20;

/** Objects of the tenant by place. `more`: there are more than were counted. */
export async function countObjects(
  bucket: Bucket,
  tenantId: string,
): Promise<{ readonly objects: Readonly<Record<string, number>>; readonly more: boolean }> {
  const objects: Record<string, number> = {};
  let more = false;
  for (const prefix of prefixesOf(tenantId)) {
    let count = 0;
    for await (const page of listPages(bucket, { prefix })) {
      count += page.length;
      if (count < MOST_COUNTED) continue;
      more = true;
      break;
    }
    if (count > 0) objects[prefix] = count;
  }
  return { objects, more };
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
