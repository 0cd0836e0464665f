import { isEnded } from '@headrace/client'
import { Empty } from '../inbox/Empty'
import { Trouble } from '../parts/Trouble'
import { server, useStore } from '../server'
import { href, replace, useRoute } from '../route'
import { useQueue } from '../system/queue'
import { QueueBar } from '../system/QueueBar'
import { JobRow } from './JobRow'

const STATUSES = ['', 'active', 'completed', 'failed', 'cancelled'] as const

/** Every job, newest first; the filter is in the address. */
export function Jobs() {
  const { items, hasMore, isLoading, error } = useStore(server.jobs)
  const status = useRoute().query.get('status') ?? ''
  const queue = useQueue()
  const shown = items.filter(
    (job) => !status || (status === 'active' ? !isEnded(job) : job.status === status),
  )
  return (
    <div className="stack">
      <div className="spread">
        <h1>Jobs</h1>
        <div className="tabs" role="group" aria-label="Which jobs">
          {STATUSES.map((one) => (
            <a
              key={one}
              href={href('jobs', null, { status: one })}
              aria-current={one === status ? 'true' : undefined}
              onClick={(event) => {
                event.preventDefault()
                replace(href('jobs', null, { status: one }))
              }}
            >
              {one ? one[0]?.toUpperCase() + one.slice(1) : 'All'}
            </a>
          ))}
        </div>
      </div>
      {queue && (
        <div className="card stack">
          <QueueBar queue={queue} />
        </div>
      )}
      <h2 className="unseen">Newest first</h2>
      {shown.map((job) => (
        <JobRow key={job.jobId} job={job} />
      ))}
      {!items.length && <Trouble error={error} />}
      {!shown.length &&
        !isLoading &&
        !error &&
        (status ? <p className="soft">No such job among those loaded.</p> : <Empty />)}
      {hasMore && (
        <button type="button" disabled={isLoading} onClick={() => void server.jobs.loadMore()}>
          Show older
        </button>
      )}
    </div>
  )
}
