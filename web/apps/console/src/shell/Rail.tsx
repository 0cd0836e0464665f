import { isEnded } from '@headrace/client'
import { Icon, type IconName } from '../parts/Icon'
import { href } from '../route'
import { server, useStore } from '../server'

export const ROOMS: readonly { readonly room: IconName & string; readonly name: string }[] = [
  { room: 'inbox', name: 'Inbox' },
  { room: 'documents', name: 'Documents' },
  { room: 'jobs', name: 'Jobs' },
  { room: 'search', name: 'Search' },
  { room: 'workspaces', name: 'Workspaces' },
  { room: 'system', name: 'System' },
]

/** The rooms: on the left, or at the foot of a phone. */
export function Rail({ room }: { readonly room: string }) {
  const { items } = useStore(server.jobs)
  const active = items.filter((job) => !isEnded(job)).length
  return (
    <nav className="rail" aria-label="Rooms">
      <ul>
        {ROOMS.map((one) => (
          <li key={one.room}>
            <a href={href(one.room)} aria-current={one.room === room ? 'page' : undefined}>
              <Icon name={one.room} />
              <span>{one.name}</span>
              {one.room === 'inbox' && active > 0 && (
                <span className="count">
                  {active}
                  <span className="unseen"> in progress</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}
