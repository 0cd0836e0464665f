import { useQuery } from '@tanstack/react-query'
import { Badge } from '../parts/Badge'
import { every, server, useStore } from '../server'
import { useIsLocal, useSession } from '../shell/session'
import { ago, number, plural } from '../words'
import { useQueue, useStats } from './queue'
import { QueueBar } from './QueueBar'

interface Worker {
  readonly workerId: string
  readonly status: string
  readonly capacity: number
  readonly jobCount: number
  readonly version: string
  readonly host: string | null
  readonly pid: number | null
  readonly sandbox?: string | null
  readonly seenAt: string
}

const LOOK_MS = 3_000

/** How the server is. */
export function System() {
  const queue = useQueue()
  const stats = useStats()
  return (
    <div className="stack">
      <h1>System</h1>
      <section className="card stack" aria-label="The queue">
        <div className="spread">
          <h2>The queue at a glance</h2>
          <p className="soft small figures">
            {stats?.totalJobs
              ? `${number(stats.totalChunksCreated)} chunks made by ${plural(stats.totalJobs, 'job')}`
              : stats && 'No jobs yet'}
          </p>
        </div>
        {queue && <QueueBar queue={queue} />}
      </section>
      <Workers />
      <Server />
    </div>
  )
}

function Workers() {
  const { data, error } = useQuery({
    queryKey: ['workers'],
    queryFn: () => server.request<{ workers: readonly Worker[] }>('GET', 'workers'),
    refetchInterval: every(LOOK_MS),
  })
  return (
    <section className="card stack" aria-label="Workers">
      <h2>Workers</h2>
      {error && <p className="error small">{error.message}</p>}
      {data?.workers.length === 0 && (
        <p className="error small">No worker is there: what is sent waits until one comes.</p>
      )}
      {data?.workers.map((one) => (
        <div className="spread" key={one.workerId}>
          <span>
            <b>{one.host ? `${one.host}, process ${one.pid}` : one.workerId.slice(0, 12)}</b>{' '}
            <span className="soft small">
              {one.version} · seen {ago(one.seenAt)}
              {one.sandbox ? ` · sandbox: ${one.sandbox}` : ''}
            </span>
          </span>
          <span className="line">
            <span className="soft small figures">
              {one.jobCount} of {one.capacity} in hand
            </span>
            <Badge
              state={one.status}
              text={{ idle: 'Idle', working: 'Working', draining: 'Leaving' }[one.status]}
            />
          </span>
        </div>
      ))}
    </section>
  )
}

function Server() {
  const connection = useStore(server.connection)
  const ready = useQuery({
    queryKey: ['ready'],
    queryFn: () => server.request<{ status: string }>('GET', 'readyz'),
    refetchInterval: every(LOOK_MS),
  })
  const described = useQuery({
    queryKey: ['openapi'],
    queryFn: () => server.request<{ info: { version: string } }>('GET', 'openapi.json'),
    staleTime: Infinity,
  })
  const session = useSession()
  const signOut = async (): Promise<void> => {
    await server.request('DELETE', 'session').catch(() => undefined)
    location.reload()
  }
  const isLocal = useIsLocal()
  return (
    <section className="card stack" aria-label="Server">
      <div className="spread">
        <h2>Server</h2>
        {!ready.isPending && (
          <Badge state={ready.data ? 'ready' : 'error'} text={ready.data ? 'Ready' : 'Not ready'} />
        )}
      </div>
      <dl className="facts">
        <div>
          <dt>Version</dt>
          <dd>{described.data?.info.version ?? '–'}</dd>
        </div>
        <div>
          <dt>Stream</dt>
          <dd>
            {connection.transport ?? 'none'}
            {connection.transport && connection.isHolder ? ', held by this tab' : ''}
          </dd>
        </div>
        <div>
          <dt>You are</dt>
          <dd>{session?.userId ?? '–'}</dd>
        </div>
      </dl>
      <div className="line">
        <a className="button" href="docs">
          The API
        </a>
        <a className="button" href="plain">
          The plain list
        </a>
        {session && !isLocal && (
          <button type="button" onClick={() => void signOut()}>
            Sign out
          </button>
        )}
      </div>
    </section>
  )
}
