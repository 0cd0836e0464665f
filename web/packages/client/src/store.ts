/** What every store is: made for `useSyncExternalStore`, and as easy without it. */
export interface Store<T> {
  /** While anybody is subscribed, what the store shows is kept current. */
  subscribe(listener: () => void): () => void
  /** The same object until something changes. */
  getSnapshot(): T
}

/** Gathers changes: the first is told at once, those that follow at most every so often. */
export class Notifier {
  readonly #due = new Set<() => void>()
  #toldAt = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(readonly ms: number) {}

  schedule(tell: () => void): void {
    this.#due.add(tell)
    this.#timer ??= setTimeout(() => this.flush(), Math.max(0, this.#toldAt + this.ms - Date.now()))
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#toldAt = Date.now()
    const due = [...this.#due]
    this.#due.clear()
    for (const tell of due) tell()
  }
}

export interface Lifetime {
  /** At the first subscriber. */
  start(): void
  /** After the last one. */
  stop(): void
}

/** A value that changes. */
export class Value<T> implements Store<T> {
  readonly #listeners = new Set<() => void>()
  #value: T

  constructor(
    value: T,
    readonly notifier: Notifier,
    readonly lifetime?: Lifetime,
  ) {
    this.#value = value
  }

  readonly getSnapshot = (): T => this.#value

  readonly subscribe = (listener: () => void): (() => void) => {
    // a function of its own, so that the same listener may subscribe twice
    const own = (): void => listener()
    this.#listeners.add(own)
    if (this.#listeners.size === 1) this.lifetime?.start()
    return () => {
      if (this.#listeners.delete(own) && !this.#listeners.size) this.lifetime?.stop()
    }
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    this.notifier.schedule(this.#tell)
  }

  readonly #tell = (): void => {
    for (const listener of [...this.#listeners]) listener()
  }
}

/** Does something at most every `ms`, and once more if it was asked for meanwhile. */
export function throttled(ms: number, act: () => Promise<unknown>): () => void {
  let isBusy = false
  let isDue = false
  const go = (): void => {
    if (isBusy) {
      isDue = true
      return
    }
    isBusy = true
    isDue = false
    void act()
      .catch(() => undefined)
      .then(() => pause(ms))
      .then(() => {
        isBusy = false
        if (isDue) go()
      })
  }
  return go
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
