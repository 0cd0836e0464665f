import { useEffect, useState } from 'react'
import { useConnection } from './hooks.js'

const SIGNS = {
  idle: '○',
  connecting: '◌',
  live: '●',
  'catching-up': '◐',
  reconnecting: '○',
  polling: '⇅',
  stopped: '✕',
}

/** How current the page is: ● Live, ◐ Catching up 37, ○ Reconnecting in 4 s, ⇅ Polling. */
export function ConnectionPill() {
  const connection = useConnection()
  const seconds = useSecondsUntil(connection.retryAt)
  const { state, behind, error } = connection
  const words = {
    idle: 'Not connected',
    connecting: 'Connecting',
    live: 'Live',
    'catching-up': `Catching up ${behind}`,
    reconnecting: `Reconnecting in ${seconds} s`,
    polling: 'Polling',
    stopped: error?.status === 401 ? 'Not signed in' : (error?.message ?? 'Stopped'),
  }
  return (
    <span className="headrace-pill" data-part="connection" data-state={state}>
      <span aria-hidden="true">{SIGNS[state]}</span> {words[state]}
      {state === 'reconnecting' ? (
        <button type="button" onClick={connection.retryNow}>
          Retry now
        </button>
      ) : null}
    </span>
  )
}

function useSecondsUntil(instant: number | null): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (instant === null) return
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [instant])
  return instant === null ? 0 : Math.max(0, Math.ceil((instant - Math.min(now, instant)) / 1000))
}
