import { createClient, type HeadraceError, type Store } from '@headrace/client'
import { QueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'

/** The server that this page came from. */
export const server = createClient()

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => count < 2 && !(error as HeadraceError).isFinal,
    },
  },
})

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot)
}
