import { useEffect, useState } from 'react'

/** The time as `Date.now()`, while it matters. */
export function useNow(isRunning: boolean, everyMs = 500): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!isRunning) return
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [isRunning, everyMs])
  return now
}
