import { isEnded, type Job, SIGNS, STAGES } from '@headrace/client'
import { useState } from 'react'
import { useAnnouncements } from './announce.js'
import { useIngestionStatus, useJobs } from './hooks.js'
import { useHeadrace } from './provider.js'
import { LoadingSpinner, ProgressBar } from './parts.js'
import { jobText, jobTitle, STAGE_NAMES, timeLeft } from './words.js'

/** A job's bar, with what is told of it. */
export function JobProgress({ job, title = jobTitle(job) }: { job: Job; title?: string }) {
  const text = jobText(job)
  const isKnown = job.status !== 'pending' || job.percent > 0
  return (
    <div className="headrace-job" data-part="job-progress" data-state={job.status} data-stage={job.stage}>
      <span data-part="title">{title}</span>
      <span data-part="text">
        <span role="img" aria-label={STAGE_NAMES[job.stage]}>
          {SIGNS[job.stage]}
        </span>{' '}
        {text}
      </span>
      <span data-part="time">{isEnded(job) ? '' : timeLeft(job.etaSeconds)}</span>
      <ProgressBar value={isKnown ? job.percent : null} label={title} text={text} state={job.status} />
    </div>
  )
}

/** The stages of a job as steps. */
export function stepsOf(job: Job): { label: string; completed: boolean }[] {
  const at = job.status === 'completed' ? STAGES.length : STAGES.indexOf(job.stage)
  return STAGES.map((stage, index) => ({ label: STAGE_NAMES[stage], completed: index < at }))
}

export interface JobManagerProps {
  /** How many rows are shown at most until more are asked for. */
  limit?: number
  onOpen?: (jobId: string) => void
}

const FILTERS = ['all', 'running', 'pending', 'completed', 'failed', 'cancelled'] as const

/** The user's jobs with their bars; cancels, pauses and retries them, and shows the history. */
export function JobManager({ limit = 50, onOpen }: JobManagerProps) {
  const { jobs, isLoading, error, hasMore, loadMore } = useJobs()
  const [filter, setFilter] = useState<(typeof FILTERS)[number]>('all')
  useAnnouncements()
  const shown = jobs.filter((job) => filter === 'all' || job.status === filter).slice(0, Math.max(limit, 1))
  return (
    <section className="headrace-jobs" data-part="job-manager" aria-label="Jobs" aria-busy={isLoading}>
      <div data-part="filters" role="group" aria-label="Show">
        {FILTERS.map((name) => (
          <button key={name} type="button" aria-pressed={filter === name} onClick={() => setFilter(name)}>
            {name} {name === 'all' ? jobs.length : jobs.filter((job) => job.status === name).length}
          </button>
        ))}
      </div>
      {error ? <p role="alert">{error.message}</p> : null}
      {isLoading && !jobs.length ? <LoadingSpinner label="Loading jobs" /> : null}
      {!isLoading && !shown.length ? (
        <p data-part="empty">No jobs here. Upload a document, and it appears.</p>
      ) : null}
      <ul>
        {shown.map((job) => (
          <JobRow key={job.jobId} job={job} onOpen={onOpen} />
        ))}
      </ul>
      {hasMore ? (
        <button type="button" onClick={() => void loadMore()}>
          Older jobs
        </button>
      ) : null}
    </section>
  )
}

function JobRow({ job, onOpen }: { job: Job; onOpen: ((jobId: string) => void) | undefined }) {
  const client = useHeadrace()
  const [refusal, setRefusal] = useState('')
  const title = jobTitle(job)
  const act = (label: string, verb: (jobId: string) => Promise<Job>) => (
    <button
      type="button"
      disabled={job.asked !== null}
      aria-label={`${label} ${title}`}
      onClick={() => {
        setRefusal('')
        verb(job.jobId).catch((error: Error) => setRefusal(error.message))
      }}
    >
      {label}
    </button>
  )
  return (
    <li data-part="job" data-state={job.status}>
      <JobProgress job={job} title={title} />
      <div data-part="actions">
        {onOpen ? (
          <button type="button" aria-label={`Open ${title}`} onClick={() => onOpen(job.jobId)}>
            Open
          </button>
        ) : null}
        {job.status === 'running' ? act('Pause', (id) => client.pauseJob(id)) : null}
        {job.status === 'paused' ? act('Resume', (id) => client.resumeJob(id)) : null}
        {isEnded(job) ? null : act('Cancel', (id) => client.cancelJob(id))}
        {job.failedItems > 0 && isEnded(job) && job.status !== 'cancelled'
          ? act('Retry', (id) => client.retryJob(id))
          : null}
      </div>
      {refusal ? <p role="alert">{refusal}</p> : null}
    </li>
  )
}

/** A job by its id, as `useIngestionStatus` tells it. */
export function IngestionProgress({ jobId, title }: { jobId: string; title?: string }) {
  const { job, isLoading, error } = useIngestionStatus(jobId)
  if (job) return <JobProgress job={job} {...(title !== undefined && { title })} />
  return error ? <p role="alert">{error.message}</p> : isLoading ? <LoadingSpinner size="sm" /> : null
}
