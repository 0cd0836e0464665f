/** What every store is: made for `useSyncExternalStore`, and as easy without it. */
export interface Store<T> {
  /** While anybody is subscribed, what the store shows is kept current. */
  subscribe(listener: () => void): () => void
  /** The same object until something changes. */
  getSnapshot(): T
}

export interface Lifetime {
  /** At the first subscriber. */
  start(): void
  /** After the last one. */
  stop(): void
}

export interface Notifier {
  schedule(tell: () => void): void
  flush(): void
}

/** Calls what others have given us. What it throws is reported, and keeps nothing else from being told. */
export function safely(call: () => unknown): void {
  try {
    call()
  } catch (error) {
    ;(globalThis.reportError ?? console.error)(error)
  }
}

/** Gathers changes: the first is told at once, those that follow at most every so often. */
export function createNotifier(ms: number): Notifier {
  const due = new Set<() => void>()
  let toldAt = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    toldAt = Date.now()
    const telling = [...due]
    due.clear()
    for (const tell of telling) tell()
  }
  return {
    schedule(tell) {
      due.add(tell)
      timer ??= setTimeout(flush, Math.max(0, toldAt + ms - Date.now()))
    },
    flush,
  }
}

/** A value that changes. */
export interface Value<T> extends Store<T> {
  set(value: T): void
  isWatched(): boolean
}

/** `read` brings it up to date whenever somebody begins to watch. */
export function createValue<T>(
  value: T,
  notifier: Notifier,
  lifetime?: Lifetime,
  read?: () => unknown,
): Value<T> {
  const listeners = new Set<() => void>()
  const tell = (): void => {
    for (const listener of [...listeners]) safely(listener)
  }
  return {
    getSnapshot: () => value,
    isWatched: () => listeners.size > 0,
    subscribe(listener) {
      // a function of its own, so that the same listener may subscribe twice
      const own = (): void => listener()
      listeners.add(own)
      if (listeners.size === 1) {
        lifetime?.start()
        read?.()
      }
      return () => {
        if (listeners.delete(own) && !listeners.size) lifetime?.stop()
      }
    },
    set(next) {
      if (next === value) return
      value = next
      notifier.schedule(tell)
    },
  }
}

/** Does something at most every `ms`, less often what takes long, and once more if it was asked for meanwhile. */
export function throttled(ms: number, act: () => Promise<unknown>): () => void {
  let isBusy = false
  let isDue = false
  return async () => {
    isDue = true
    if (isBusy) return
    isBusy = true
    while (isDue) {
      isDue = false
      const began = Date.now()
      await act().catch(() => undefined)
      await pause(Math.min(10 * ms, ms + 3 * (Date.now() - began)))
    }
    isBusy = false
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Whether nobody sees this tab. */
export const isHidden = (): boolean => !!globalThis.document?.hidden

/** Calls whenever the page may have been away: it is seen again, came out of the history, or the network is back. */
export function onReturn(look: () => void, signal: AbortSignal): void {
  for (const name of ['online', 'pageshow', 'visibilitychange']) {
    globalThis.addEventListener?.(name, look, { signal })
  }
}

/** What a map holds under a name; made when first asked for. */
export function kept<T>(map: Map<string, T>, name: string, make: () => T): T {
  let found = map.get(name)
  if (!found) map.set(name, (found = make()))
  return found
}
