import { useSyncExternalStore } from 'react'
import { Icon } from '../parts/Icon'
import { current, subscribe } from '../parts/said'

export function Toasts() {
  const toasts = useSyncExternalStore(subscribe, current, current)
  return (
    <>
      <aside className="toasts" aria-label="Messages">
        {toasts.map((one) => (
          <p className="toast" key={one.id}>
            <Icon name="check" />
            <span>
              <b>{one.title}</b> {one.text}
            </span>
          </p>
        ))}
      </aside>
      <p className="unseen" id="live" aria-live="polite" />
    </>
  )
}
