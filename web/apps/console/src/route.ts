import { useSyncExternalStore } from 'react'

/** Where in the page one is: behind the `#`, so that an address works below any root path. */
export interface Route {
  readonly room: string
  readonly id: string | null
  readonly query: URLSearchParams
}

export function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [room = '', id] = path.split('/')
  return { room: room || 'inbox', id: id ? decoded(id) : null, query: new URLSearchParams(query) }
}

/** An address that was cut in the middle of a letter is one that there is not; it must not break the page. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function href(room: string, id?: string | null, query: Readonly<Record<string, string>> = {}): string {
  const chosen = Object.entries(query).filter(([, value]) => value)
  const tail = chosen.length ? `?${new URLSearchParams(chosen)}` : ''
  return `#/${room}${id ? `/${encodeURIComponent(id)}` : ''}${tail}`
}

export function go(to: string): void {
  location.hash = to
}

/** As `go`, and the way back does not lead here. */
export function replace(to: string): void {
  history.replaceState(history.state, '', to)
  dispatchEvent(new HashChangeEvent('hashchange'))
}

let last = ''
let parsed = parse('')

function current(): Route {
  if (location.hash !== last) {
    last = location.hash
    parsed = parse(last)
  }
  return parsed
}

function listen(listener: () => void): () => void {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}

export function useRoute(): Route {
  return useSyncExternalStore(listen, current, current)
}
