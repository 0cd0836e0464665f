import { useSyncExternalStore } from 'react'

/** The documents that are to be asked, by id, with their names. */
let chosen: ReadonlyMap<string, string> = new Map()
const listeners = new Set<() => void>()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useChosen(): ReadonlyMap<string, string> {
  return useSyncExternalStore(subscribe, () => chosen)
}

function set(next: ReadonlyMap<string, string>): void {
  chosen = next
  for (const listener of listeners) listener()
}

export function toggle(documentId: string, name: string): void {
  const next = new Map(chosen)
  if (!next.delete(documentId)) next.set(documentId, name)
  set(next)
}

export function clearChosen(): void {
  set(new Map())
}
