import { useSyncExternalStore } from 'react'

const KEY = 'headrace dismissed'
const MOST = 500

let dismissed = read()
const listeners = new Set<() => void>()

function read(): ReadonlySet<string> {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY) ?? '[]') as string[])
  } catch {
    return new Set()
  }
}

/** Take jobs out of the inbox; their page stays. */
export function dismiss(jobIds: readonly string[]): void {
  const all = [...dismissed, ...jobIds].slice(-MOST)
  dismissed = new Set(all)
  try {
    localStorage.setItem(KEY, JSON.stringify(all))
  } catch {
    // for this visit only, then
  }
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useDismissed(): ReadonlySet<string> {
  return useSyncExternalStore(subscribe, () => dismissed)
}
