import type { Connection } from '@headrace/client'
import { useEffect, useState } from 'react'
import { Icon } from '../parts/Icon'
import { useNow } from '../parts/now'
import { server, useStore } from '../server'

const SAYS_MS = 4_000

/** Whether what is shown is what is. */
export function ConnectionPill() {
  const connection = useStore(server.connection)
  const now = useNow(connection.state === 'reconnecting', 250)
  const caughtUp = connection.state === 'live' ? connection.caughtUp : 0
  return (
    <p className="pill" data-state={connection.state} title={title(connection)}>
      {connection.state === 'polling' ? <Icon name="swap" /> : <i aria-hidden="true" />}
      <span>
        <CaughtUp key={caughtUp} count={caughtUp} then={says(connection, now)} />
      </span>
      {connection.state === 'reconnecting' && (
        <button type="button" onClick={() => server.retryNow()}>
          Retry now
        </button>
      )}
    </p>
  )
}

function says({ state, behind, retryAt, error }: Connection, now: number): string {
  switch (state) {
    case 'live':
      return 'Live'
    case 'catching-up':
      return behind ? `Catching up ${behind}` : 'Catching up'
    case 'polling':
      return 'Polling'
    case 'reconnecting':
      return `Reconnecting in ${Math.max(0, Math.ceil(((retryAt ?? now) - now) / 1000))} s`
    case 'stopped':
      return error?.status === 401 ? 'Not signed in' : 'Stopped'
    default:
      return 'Connecting'
  }
}

function title({ transport, isHolder, error }: Connection): string {
  const how = transport ? `by ${transport === 'sse' ? 'server-sent events' : transport}` : ''
  const who = isHolder ? ', held by this tab' : ', shared with another tab'
  return error ? error.message : `The connection to the server${how && ` ${how}${who}`}`
}

/** Says for a moment how much was missed, then what there is to say. */
function CaughtUp({ count, then }: { readonly count: number; readonly then: string }) {
  const [isOver, setOver] = useState(count === 0)
  useEffect(() => {
    const timer = setTimeout(() => setOver(true), SAYS_MS)
    return () => clearTimeout(timer)
  }, [])
  return isOver ? then : `Caught up ${count} ${count === 1 ? 'event' : 'events'}`
}
