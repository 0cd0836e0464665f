import { isEnded, type Job, quietSeconds } from '@headrace/client'
import { memo, useState } from 'react'
import { Badge } from '../parts/Badge'
import { Bar } from '../parts/Bar'
import { useLost } from '../parts/lost'
import { useNow } from '../parts/now'
import { Sign } from '../parts/Sign'
import { href } from '../route'
import { bytes, doing, duration, isIngestion, plural, timeLeft } from '../words'
import { DocumentRows } from './DocumentRows'
import { ErrorList } from './ErrorCard'
import { JobActions } from './JobActions'
import { useJobName } from './name'

/** Silence is no event: somebody has to look at the clock. */
const LOOK_MS = 2_000

interface JobRowProps {
  readonly job: Job
  readonly size?: number | undefined
  /** What has ended may be taken out of sight. */
  readonly onDismiss?: (jobId: string) => void
}

/** A job in the inbox or in the list of jobs. */
export const JobRow = memo(function JobRow({ job, size, onDismiss }: JobRowProps) {
  const name = useJobName(job)
  const [isOpened, setOpen] = useState<boolean | null>(null)
  const isFailed = job.status === 'failed' || job.failedItems > 0
  const isLarge = job.totalItems > 1
  const isOpen = isLarge && (isOpened ?? !isEnded(job))
  const isLost = useLost() !== null
  const quiet = quietSeconds(job, useNow(job.status === 'running', LOOK_MS))
  return (
    <article
      className="card job"
      data-part="job"
      data-state={job.status}
      data-job={job.jobId}
      aria-label={name}
    >
      <div className="job-head">
        <Sign stage={job.stage} />
        <h3>
          <a href={href('jobs', job.jobId)}>{name}</a>
        </h3>
        <span className="soft small figures">
          {isLarge ? plural(job.totalItems, 'document') : size ? bytes(size) : ''}
        </span>
        <Badge state={isFailed && job.status === 'completed' ? 'failed' : job.status} text={badge(job)} />
      </div>
      <Bar label={`Progress of ${name}`} share={job.progress} state={job.status} text={doing(job)} />
      <div className="job-foot">
        <p className="soft small figures" data-part="doing">
          {[doing(job), job.asked ? '' : facts(job, isLost)].filter(Boolean).join(' · ')}
          {quiet !== null && !isLost && (
            <b className="quiet"> · nothing heard for {duration(quiet)}: the worker was last seen then</b>
          )}
        </p>
        <div className="line">
          {isLarge && (
            <button type="button" data-kind="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
              {isOpen ? 'Hide documents' : 'Documents'}
            </button>
          )}
          <JobActions job={job} name={name} />
          {onDismiss && isEnded(job) && (
            <button
              type="button"
              data-kind="quiet"
              onClick={() => onDismiss(job.jobId)}
              aria-label={`Dismiss ${name}`}
            >
              Dismiss
            </button>
          )}
        </div>
      </div>
      {isFailed && <ErrorList job={job} />}
      {isOpen && <DocumentRows jobId={job.jobId} mostRows={8} />}
    </article>
  )
})

function badge({ status, stage, failedItems }: Job): string | undefined {
  if (status === 'completed' && failedItems) return `${failedItems} failed`
  if (status !== 'running') return undefined
  return {
    received: 'Waiting',
    extracting: 'Reading',
    chunking: 'Chunking',
    enriching: 'Enriching',
    indexing: 'Embedding',
  }[stage as string]
}

/** The time left is of the moment in which it was told: without a connection nobody knows it. */
function facts(job: Job, isLost: boolean): string {
  if (job.status !== 'running') return ''
  const items =
    job.totalItems > 1
      ? `${job.processedItems} of ${plural(job.totalItems, isIngestion(job) ? 'document' : 'step')}`
      : ''
  return [`${Math.floor(job.percent)} %`, items, isLost ? '' : timeLeft(job.etaSeconds)]
    .filter(Boolean)
    .join(' · ')
}
