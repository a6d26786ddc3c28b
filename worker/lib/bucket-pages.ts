/** Listings of a bucket, one page of up to 1,000 objects after the other. */
export async function* listPages(bucket: R2Bucket, options: R2ListOptions): AsyncGenerator<readonly R2Object[]> {
  let page: R2Objects | undefined;
  do {
    page = await bucket.list({ ...options, ...(page?.truncated === true ? { cursor: page.cursor } : {}) });
    yield page.objects;
  } while (page.truncated);
}

/**
 * Deletes what is below a prefix, up to so many pages.
 *
 * @returns how many were deleted, and whether there may be more
 */
export async function deletePrefix(
  bucket: R2Bucket,
  prefix: string,
  pages: number,
): Promise<{ readonly deleted: number; readonly more: boolean }> {
  let deleted = 0;
  for (let page = 0; page < pages; page++) {
    const { objects, truncated } = await bucket.list({ prefix });
    if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
    deleted += objects.length;
    if (!truncated) return { deleted, more: false };
  }
  return { deleted, more: true };
}
