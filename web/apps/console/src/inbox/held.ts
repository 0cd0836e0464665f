import { useState } from 'react'

interface Held<T> {
  readonly shown: readonly T[]
  readonly waiting: number
  readonly release: () => void
}

/** Rows that do not move under the pointer: while `isHeld`, new ones wait, but for one's own. */
export function useHeld<T>(
  items: readonly T[],
  id: (item: T) => string,
  isHeld: boolean,
  isOwn: (item: T) => boolean,
): Held<T> {
  const [known, setKnown] = useState<ReadonlySet<string> | null>(null)
  const ids = items.map(id)
  if (!isHeld && (known === null || ids.some((one) => !known.has(one)))) setKnown(new Set(ids))
  const shown = items.filter((item) => !isHeld || known === null || known.has(id(item)) || isOwn(item))
  return { shown, waiting: items.length - shown.length, release: () => setKnown(new Set(ids)) }
}
