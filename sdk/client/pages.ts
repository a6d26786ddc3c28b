/** A page of a list: no cursor after the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/**
 * Every item of a list, page after page; the next page is asked for when it is needed.
 *
 * @param list  an operation of the client that answers pages, such as `client.listPlugins`
 * @param query  the operation's own arguments; `limit` is the size of a page, 100 where nothing is said
 */
export async function* paginate<List extends (query: never) => Promise<Page<unknown>>>(
  list: List,
  ...[query]: undefined extends Parameters<List>[0] ? [query?: Rest<List>] : [query: Rest<List>]
): AsyncGenerator<Item<List>, void, undefined> {
  for (let cursor: string | null | undefined; cursor !== null;) {
    // All but the cursor is the caller's, as the types have it.
    const page = await list({ limit: 100, ...query, ...(cursor === undefined ? {} : { cursor }) } as never);
    yield* page.items as readonly Item<List>[]; // the list's own pages
    cursor = page.nextCursor;
  }
}

type Item<List extends (query: never) => Promise<Page<unknown>>> = Awaited<ReturnType<List>>["items"][number];
type Rest<List extends (query: never) => unknown> = Omit<NonNullable<Parameters<List>[0]>, "cursor">;
