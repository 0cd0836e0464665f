import { type HeadraceError, toError } from './errors.js'
import type { Http, RequestOptions } from './http.js'
import { createValue, type Lifetime, type Notifier, type Store, throttled } from './store.js'

export interface ListState<T> {
  readonly items: readonly T[]
  readonly isLoading: boolean
  readonly hasMore: boolean
  readonly error: HeadraceError | null
}

export interface ListStore<T> extends Store<ListState<T>> {
  /** The next page, below what is there. */
  loadMore(): Promise<void>
  /** The first page anew; what is below it stays. */
  refresh(): Promise<void>
}

interface Source<View, T> {
  readonly path: string
  /** Under which name a page holds its rows, if not that of the path. */
  readonly name?: string | undefined
  readonly query?: RequestOptions['query'] | undefined
  /** Which field tells one item from another. */
  readonly key: keyof T
  adopt?(view: View): T
}

const REFRESH_MS = 1_000

/** One of the server's lists, newest first, page by page. */
export interface PagedList<T> extends ListStore<T> {
  isWatched(): boolean
  /** Read the first page anew before long, if anybody looks. */
  refreshSoon(): void
  /** Shows what is made of the item with this key, if that is in the list. */
  change(key: unknown, made: (item: T) => T): boolean
}

export function createList<View, T>(
  http: Http,
  notifier: Notifier,
  lifetime: Lifetime,
  { path, name = path, query, key, adopt = (view) => view as unknown as T }: Source<View, T>,
): PagedList<T> {
  let cursor: string | null = null
  const initial: ListState<T> = { items: [], isLoading: true, hasMore: false, error: null }
  const value = createValue(initial, notifier, lifetime, () => refresh())
  const set = (change: Partial<ListState<T>>): void => value.set({ ...value.getSnapshot(), ...change })
  const among = (items: readonly T[]): ((item: T) => boolean) => {
    const keys = new Set(items.map((item) => item[key]))
    return (item) => keys.has(item[key])
  }

  async function load(
    from: string | null,
    merge: (page: T[], rest: readonly T[], isLast: boolean) => T[],
  ): Promise<void> {
    set({ isLoading: true })
    try {
      const asked = { query: { ...query, cursor: from } }
      const answer = await http.request<Record<string, View[]> & { nextCursor: string | null }>(
        'GET',
        path,
        asked,
      )
      const page = (answer[name] ?? []).map(adopt)
      const items = merge(page, value.getSnapshot().items, answer.nextCursor === null)
      if (from !== null || items.length === page.length) cursor = answer.nextCursor
      set({ items, isLoading: false, hasMore: cursor !== null, error: null })
    } catch (error) {
      set({ isLoading: false, error: toError(error) })
    }
  }

  // one after the other, so that no answer is taken after a later one
  let turn = Promise.resolve()
  const refresh = (): Promise<void> =>
    (turn = turn.then(() =>
      load(null, (page, rest, isLast) => {
        const below = isLast ? -1 : rest.findLastIndex(among(page))
        return below < 0 ? page : [...page, ...rest.slice(below + 1)]
      }),
    ))
  const soon = throttled(REFRESH_MS, refresh)

  return {
    ...value,
    refresh,
    async loadMore() {
      if (cursor === null || value.getSnapshot().isLoading) return
      await load(cursor, (page, rest) => {
        const isThere = among(rest)
        return [...rest, ...page.filter((item) => !isThere(item))]
      })
    },
    refreshSoon() {
      if (value.isWatched()) soon()
    },
    change(wanted, made) {
      const { items } = value.getSnapshot()
      const at = items.findIndex((item) => item[key] === wanted)
      const found = items[at]
      if (found === undefined) return false
      set({ items: items.with(at, made(found)) })
      return true
    },
  }
}
