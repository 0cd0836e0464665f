import { type Frame, isEnded, type Job } from '@headrace/client'
import { memo, useMemo, useState } from 'react'
import { Badge } from '../parts/Badge'
import { Bar } from '../parts/Bar'
import { useLost } from '../parts/lost'
import { useNow } from '../parts/now'
import { Sign } from '../parts/Sign'
import { VirtualList } from '../parts/VirtualList'
import { href } from '../route'
import { server, useStore } from '../server'
import { ago, bytes, clock, doing, isIngestion, number, plural, STAGE_NAMES, timeLeft } from '../words'
import { DocumentRows } from './DocumentRows'
import { ErrorCards } from './ErrorCard'
import { type EventLog, spans, useEvents } from './events'
import { JobActions } from './JobActions'
import { useJobName } from './name'
import { Snippets } from './Snippets'
import { Timeline } from './Timeline'

/** One job, at an address of its own. */
export function JobPage({ jobId }: { readonly jobId: string }) {
  const { job, isLoading, error } = useStore(server.job(jobId))
  if (job) return <Known job={job} />
  const isMissing = error?.status === 404
  return (
    <div className="stack" data-part={isMissing ? 'not-found' : undefined}>
      <h1>{isMissing ? 'There is no such job' : 'Job'}</h1>
      <p className="soft">{isLoading ? 'Asking the server…' : isMissing ? MISSING : error?.message}</p>
      {!isLoading && (
        <p>
          <a href={href('jobs')}>All jobs</a>
        </p>
      )}
    </div>
  )
}

const MISSING = 'It was cleaned away, is somebody else’s, or its address is not whole.'

function Known({ job }: { readonly job: Job }) {
  const name = useJobName(job)
  const lostAt = useLost()
  const { events, isRead } = useEvents(job.jobId, job.lastEventId, lostAt !== null)
  const now = useNow(!isEnded(job) && lostAt === null)
  const isFailed = job.status === 'failed' || job.failedItems > 0
  return (
    <div className="stack" data-part="job-page" data-state={job.status}>
      <p className="small">
        <a href={href('jobs')}>Jobs</a> <span className="soft">/ {job.jobId}</span>
      </p>
      <div className="spread">
        <h1 className="job-title">
          <Sign stage={job.stage} /> {name}
        </h1>
        <div className="line">
          <Badge
            state={job.status}
            text={job.attempt > 1 ? `${job.status}, attempt ${job.attempt}` : undefined}
          />
          <JobActions job={job} name={name} />
        </div>
      </div>
      <section className="card stack" aria-label="Progress">
        <div className="spread figures">
          <p>{doing(job)}</p>
          <p>
            <b>{Math.floor(job.percent)} %</b>{' '}
            <span className="soft">{isEnded(job) || lostAt !== null ? '' : timeLeft(job.etaSeconds)}</span>
          </p>
        </div>
        <Bar label={`Progress of ${name}`} share={job.progress} state={job.status} text={doing(job)} />
        {isRead && <Timeline spans={spans(events, job, lostAt ?? now)} job={job} />}
      </section>
      {isFailed && <ErrorCards job={job} />}
      {isIngestion(job) && (
        <>
          <Facts job={job} />
          <section className="card stack" aria-label="Documents">
            <h2>{plural(job.totalItems, 'document')}</h2>
            <DocumentRows jobId={job.jobId} mostRows={10} />
          </section>
        </>
      )}
      <Log events={events} isRead={isRead} />
      <Snippets jobId={job.jobId} />
    </div>
  )
}

function Facts({ job }: { readonly job: Job }) {
  const { stats } = job
  const facts: readonly (readonly [string, string])[] = [
    ['Sent', ago(job.createdAt)],
    ['Read', bytes(stats.bytes)],
    ['Pages', number(stats.pages)],
    ['Chunks', number(stats.chunks)],
    ['Embedded', number(stats.embeddingsComputed)],
    ['Reused', number(stats.embeddingsReused)],
    ['Languages', stats.languages.join(', ') || '–'],
    ['Attempts', number(job.attempt)],
  ]
  return (
    <dl className="facts card">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="figures">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Log({ events, isRead }: EventLog) {
  const [isRaw, setRaw] = useState(false)
  const newest = useMemo(() => [...events].reverse(), [events])
  return (
    <section className="card stack" aria-label="Log" data-part="log" data-count={events.length}>
      <div className="spread">
        <h2>Log</h2>
        {events.length > 0 && (
          <button type="button" data-kind="quiet" aria-pressed={isRaw} onClick={() => setRaw(!isRaw)}>
            {isRaw ? 'In words' : `Raw, ${plural(events.length, 'event')}`}
          </button>
        )}
      </div>
      {isRead && events.length === 0 && <p className="soft small">Its single events are no longer kept.</p>}
      <VirtualList
        items={newest}
        rowHeight={30}
        mostRows={9}
        label="Events, newest first"
        idOf={(frame) => frame.eventId}
        row={(frame) => <LogLine frame={frame} isRaw={isRaw} />}
      />
    </section>
  )
}

interface LogLineProps {
  readonly frame: Frame
  readonly isRaw: boolean
}

const LogLine = memo(function LogLine({ frame, isRaw }: LogLineProps) {
  return (
    <p className="log-line" data-seq={frame.seq}>
      <span className="soft figures">{frame.seq}</span>
      <time className="soft figures" dateTime={frame.timestamp}>
        {clock(frame.timestamp)}
      </time>
      {isRaw ? <code>{JSON.stringify(frame)}</code> : <span>{inWords(frame)}</span>}
    </p>
  )
})

function inWords(frame: Frame): string {
  const percent = `${Math.floor(frame.progressPercent ?? 0)} %`
  switch (frame.type) {
    case 'job.received':
      return `Received ${plural(frame.totalItems ?? 0, 'document')}`
    case 'job.stage':
      return `${frame.stage ? STAGE_NAMES[frame.stage] : ''} · ${percent}`
    case 'job.progress':
      return `${percent}${frame.totalChunks ? ` · ${frame.currentChunk} of ${frame.totalChunks} chunks` : ''}`
    case 'document.status.updated':
      return `A document is ${frame.processingStatus}${frame.processingError ? `: ${frame.processingError}` : ''}`
    case 'job.completed':
      return 'All that can be searched is searchable'
    default:
      return [frame.type.replace('job.', ''), frame.errorMessage ?? frame.message].filter(Boolean).join(': ')
  }
}
