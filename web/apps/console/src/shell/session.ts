import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { queries, server } from '../server'

export interface Session {
  readonly userId: string
  readonly scopes: readonly string[]
}

const KEY = ['session']
const PLACE = `headrace user ${document.baseURI.replace(/[#?].*$/, '')}`

/** Who one is here. */
export function useSession(): Session | undefined {
  return useQuery({
    queryKey: KEY,
    queryFn: () => server.request<Session>('GET', 'session'),
    staleTime: Infinity,
  }).data
}

/** Whether nobody logs in here. */
export function useIsLocal(): boolean {
  return (useSession()?.userId ?? 'local') === 'local'
}

/** What a line with curl needs besides, to be answered. */
export function useCurlOptions(): string {
  return useIsLocal() ? '' : '-H "Authorization: Bearer $HEADRACE_TOKEN" '
}

/** Who was logged in last, as long as the page is open. */
export function lastSession(): Session | undefined {
  return queries.getQueryData<Session>(KEY)
}

/** The server puts a cookie in the token's place. What is on the page stays, in all tabs, for the same user. */
export async function signIn(token: string): Promise<void> {
  const before = lastSession()
  const { userId } = await server.request<Session>('POST', 'session', { body: { token } })
  tellTabs(userId)
  if (before && before.userId !== userId) return startOver()
  server.retryNow()
  await queries.invalidateQueries()
}

/** Begins anew when another tab has signed somebody else in. */
export function useSameUser(): void {
  useEffect(() => {
    const hear = ({ key, newValue }: StorageEvent): void => {
      const { userId } = lastSession() ?? {}
      if (key === PLACE && userId && newValue && newValue !== userId) startOver()
    }
    addEventListener('storage', hear)
    return () => removeEventListener('storage', hear)
  }, [])
}

function tellTabs(userId: string): void {
  try {
    localStorage.setItem(PLACE, userId)
  } catch {
    // then they find out when they ask for something
  }
}

/** Nothing that is another user's may stay on the page. */
function startOver(): void {
  sessionStorage.clear()
  location.reload()
}
