import { type HeadraceError, toError } from './errors.js'
import type { Http, RequestOptions } from './http.js'
import { type Lifetime, type Notifier, type Store, throttled, Value } from './store.js'

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
  /** Under which name a page holds its rows. */
  readonly name: string
  readonly query?: RequestOptions['query']
  id(item: T): string
  adopt(view: View): T
}

const REFRESH_MS = 1_000

/** One of the server's lists, newest first, page by page. */
export class PagedList<View, T> implements ListStore<T> {
  readonly #value: Value<ListState<T>>
  readonly #soon: () => void
  #cursor: string | null = null
  #hasLoaded = false
  isWatched = false

  constructor(
    readonly http: Http,
    notifier: Notifier,
    lifetime: Lifetime,
    readonly source: Source<View, T>,
  ) {
    this.#soon = throttled(REFRESH_MS, () => this.refresh())
    const own: Lifetime = {
      start: () => {
        this.isWatched = true
        lifetime.start()
        void this.refresh()
      },
      stop: () => {
        this.isWatched = false
        lifetime.stop()
      },
    }
    this.#value = new Value<ListState<T>>(
      { items: [], isLoading: true, hasMore: false, error: null },
      notifier,
      own,
    )
  }

  readonly subscribe = (listener: () => void): (() => void) => this.#value.subscribe(listener)
  readonly getSnapshot = (): ListState<T> => this.#value.getSnapshot()

  readonly refresh = (): Promise<void> =>
    this.#load(null, (page, rest, isLast) => {
      const ids = new Set(page.map((item) => this.source.id(item)))
      const below = isLast ? -1 : rest.findLastIndex((item) => ids.has(this.source.id(item)))
      return below < 0
        ? page
        : [...page, ...rest.slice(below + 1).filter((item) => !ids.has(this.source.id(item)))]
    })

  readonly loadMore = async (): Promise<void> => {
    if (this.#cursor === null || this.getSnapshot().isLoading) return
    await this.#load(this.#cursor, (page, rest) => {
      const ids = new Set(rest.map((item) => this.source.id(item)))
      return [...rest, ...page.filter((item) => !ids.has(this.source.id(item)))]
    })
  }

  /** Read the first page anew before long, if anybody looks. */
  refreshSoon(): void {
    if (this.isWatched) this.#soon()
  }

  /** Shows the item in place of the one with its id, if that is in the list. */
  patch(item: T): boolean {
    return this.change(this.source.id(item), () => item)
  }

  change(id: string, made: (item: T) => T): boolean {
    const { items } = this.getSnapshot()
    const at = items.findIndex((one) => this.source.id(one) === id)
    const found = items[at]
    if (found === undefined) return false
    this.#set({ items: items.with(at, made(found)) })
    return true
  }

  /** Puts a new item on top. */
  put(item: T): void {
    if (!this.#hasLoaded) return
    this.#set({ items: [item, ...this.getSnapshot().items] })
  }

  async #load(
    cursor: string | null,
    merge: (page: T[], rest: readonly T[], isLast: boolean) => T[],
  ): Promise<void> {
    this.#set({ isLoading: true })
    try {
      const { path, name, query, adopt } = this.source
      const answer = await this.http.request<Record<string, View[]> & { nextCursor: string | null }>(
        'GET',
        path,
        {
          query: { ...query, cursor },
        },
      )
      const page = (answer[name] ?? []).map(adopt)
      const items = merge(page, this.getSnapshot().items, answer.nextCursor === null)
      if (cursor !== null || items.length === page.length) this.#cursor = answer.nextCursor
      this.#hasLoaded = true
      this.#set({ items, isLoading: false, hasMore: this.#cursor !== null, error: null })
    } catch (error) {
      this.#set({ isLoading: false, error: toError(error) })
    }
  }

  #set(change: Partial<ListState<T>>): void {
    this.#value.set({ ...this.getSnapshot(), ...change })
  }
}
