import { createClient, type HeadraceError, type Store } from '@headrace/client'
import { type Query, QueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'

/** The server that this page came from. */
export const server = createClient()

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: 'always', // the server may be on this very machine
      staleTime: 2_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => count < 2 && !(error as HeadraceError).isFinal,
    },
  },
})

/** What could not be had while the server was away, and is still wanted. */
export function askAgain(): void {
  void queries.refetchQueries({ type: 'active', predicate: ({ state }) => state.status === 'error' })
}

/** Asks again so often, until the answer is one that would be the same again, as without a log-in. */
export const every =
  (ms: number) =>
  ({ state: { error } }: Pick<Query, 'state'>): number | false =>
    (error as HeadraceError | null)?.isFinal ? false : ms

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot)
}
