import type { Store } from '@headrace/client'
import { server, useStore } from '../server'

/** A stream that was merely cut is back before anybody has read that it was. */
const GRACE_MS = 2_000

let lostAt: number | null = null
let timer: ReturnType<typeof setTimeout> | undefined
let stop: (() => void) | undefined
const listeners = new Set<() => void>()

function set(next: number | null): void {
  if (next === lostAt) return
  lostAt = next
  for (const listener of listeners) listener()
}

function look(): void {
  const { state, error } = server.connection.getSnapshot()
  // who is not signed in is asked to, and sees nothing else
  const isLost = state === 'reconnecting' || (state === 'stopped' && error?.status !== 401)
  if (!isLost) {
    clearTimeout(timer)
    timer = undefined
    set(null)
  } else if (timer === undefined) {
    const since = Date.now()
    timer = setTimeout(() => set(since), GRACE_MS)
  }
}

const store: Store<number | null> = {
  getSnapshot: () => lostAt,
  subscribe(listener) {
    listeners.add(listener)
    stop ??= server.connection.subscribe(look)
    look()
    return () => {
      listeners.delete(listener)
      if (listeners.size) return
      stop?.()
      stop = undefined
    }
  },
}

/** Since when what is shown is no longer kept current, as `Date.now()`; null while it is. */
export function useLost(): number | null {
  return useStore(store)
}
