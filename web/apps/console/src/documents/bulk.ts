import type { Document, DocumentFilter } from '@headrace/client'
import { useState } from 'react'
import { server } from '../server'

interface Bulk {
  readonly doing: string
  readonly done: number
  readonly failed: number
}

interface Found {
  readonly documents: readonly Document[]
  readonly nextCursor: string | null
}

type Act = (one: Document) => Promise<unknown>

const PAGE = 200
const AT_ONCE = 4

/** Something for every document that matches, also those that no page has shown yet. */
export function useBulk(filter: DocumentFilter): readonly [Bulk | null, (doing: string, act: Act) => void] {
  const [bulk, setBulk] = useState<Bulk | null>(null)
  const run = async (doing: string, act: Act): Promise<void> => {
    let [done, failed] = [0, 0]
    const tell = (): void => setBulk({ doing, done, failed })
    tell()
    const found = await matching(filter).catch(() => null)
    if (!found) return setBulk(null) // the list says why
    for (const group of groups(found, AT_ONCE)) {
      const answers = await Promise.allSettled(group.map(act))
      failed += answers.filter(({ status }) => status === 'rejected').length
      done += answers.length
      tell()
    }
    setTimeout(() => setBulk(null), 4_000)
    await server.documents(filter).refresh()
  }
  return [bulk, (doing, act) => void run(doing, act)]
}

/** All of them before anything is done: what is deleted must not shift the pages. */
async function matching(filter: DocumentFilter): Promise<readonly Document[]> {
  const all: Document[] = []
  let cursor: string | null = null
  do {
    const query: Record<string, string | number | null | undefined> = { ...filter, cursor, limit: PAGE }
    const page: Found = await server.request<Found>('GET', 'documents', { query })
    all.push(...page.documents)
    cursor = page.nextCursor
  } while (cursor)
  return all
}

function groups<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  )
}
