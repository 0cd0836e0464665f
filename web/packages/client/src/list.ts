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
  readonly query?: RequestOptions['query'] | undefined
  /** Which field tells one item from another. */
  readonly key: keyof T
  adopt?(view: View): T
}

const REFRESH_MS = 1_000
/** What could not be read, since the server was away, is read again after so long. */
export const AGAIN_MS = 5_000

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
  { path, query, key, adopt = (view) => view as unknown as T }: Source<View, T>,
): PagedList<T> {
  const name = path.split('/').at(-1) as string // a page holds its rows under it
  let cursor: string | null = null
  let places = new Map<unknown, number>()
  const initial: ListState<T> = { items: [], isLoading: true, hasMore: false, error: null }
  const value = createValue(initial, notifier, lifetime, () => refresh())
  const set = (change: Partial<ListState<T>>): void => value.set({ ...value.getSnapshot(), ...change })

  const placeOf = (item: T): number => places.get(item[key]) ?? -1

  async function read(from: string | null): Promise<readonly [T[], string | null]> {
    const asked = { query: { ...query, cursor: from } }
    const answer = await http.request<Record<string, View[]> & { nextCursor: string | null }>(
      'GET',
      path,
      asked,
    )
    return [(answer[name] ?? []).map(adopt), answer.nextCursor]
  }

  // one after the other, so that no answer is taken after a later one
  let turn = Promise.resolve()
  const load = (act: () => Promise<T[]>): Promise<void> =>
    (turn = turn.then(async () => {
      set({ isLoading: true })
      try {
        const items = await act()
        places = new Map(items.map((item, at) => [item[key], at]))
        set({ items, isLoading: false, hasMore: !!cursor, error: null })
      } catch (caught) {
        const error = toError(caught)
        set({ isLoading: false, error })
        if (!error.isFinal) setTimeout(refreshSoon, AGAIN_MS)
      }
    }))

  /** What came since may be more than a page: reads on until it meets what is there, or is as long as that. */
  const refresh = (): Promise<void> =>
    load(async () => {
      const fresh: T[] = []
      let next: string | null = null
      let below = -1
      do {
        const [page, after]: readonly [T[], string | null] = await read(next)
        fresh.push(...page)
        next = after
        below = Math.max(...page.map(placeOf))
      } while (below < 0 && next && fresh.length <= places.size)
      const rest = next && below >= 0 ? value.getSnapshot().items.slice(below + 1) : []
      if (!rest.length) cursor = next
      return [...fresh, ...rest]
    })
  const refreshSoon = throttled(REFRESH_MS, async () => value.isWatched() && refresh())

  return {
    ...value,
    refresh,
    loadMore: () =>
      load(async () => {
        const [page, next] = cursor ? await read(cursor) : [[], null]
        cursor = next
        return [...value.getSnapshot().items, ...page.filter((item) => placeOf(item) < 0)]
      }),
    refreshSoon,
    change(wanted, made) {
      const { items } = value.getSnapshot()
      const at = places.get(wanted) ?? -1
      const found = items[at]
      if (!found) return false
      set({ items: items.with(at, made(found)) })
      return true
    },
  }
}
