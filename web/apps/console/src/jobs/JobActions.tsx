import { type HeadraceError, isEnded, type Job } from '@headrace/client'
import { useState } from 'react'
import { Icon } from '../parts/Icon'
import { useLost } from '../parts/lost'
import { server, useStore } from '../server'

/** What can be asked of a job as it is now. */
export function JobActions({ job, name }: { readonly job: Job; readonly name: string }) {
  const [error, setError] = useState<HeadraceError | null>(null)
  const { state } = useStore(server.connection)
  const ask = async (act: Promise<Job>): Promise<void> => {
    setError(null)
    await act.catch((caught: HeadraceError) => setError(caught))
  }
  const isAnswering = error?.status === 0 && state === 'live' // again, that is
  const isMoving = !isEnded(job)
  const cannotAsk = useLost() !== null || !!job.asked
  const canRetry = job.status === 'failed' || (job.status === 'completed' && job.failedItems > 0)
  return (
    <div className="line actions">
      {error && !isAnswering && <span className="small error">{error.message}</span>}
      {canRetry && (
        <button
          type="button"
          disabled={cannotAsk}
          onClick={() => ask(server.retryJob(job.jobId))}
          aria-label={`Retry ${name}`}
        >
          <Icon name="retry" /> Retry
        </button>
      )}
      {isMoving && job.status === 'paused' && (
        <button
          type="button"
          disabled={cannotAsk}
          onClick={() => ask(server.resumeJob(job.jobId))}
          aria-label={`Resume ${name}`}
        >
          <Icon name="play" /> Resume
        </button>
      )}
      {isMoving && job.status !== 'paused' && (
        <button
          type="button"
          data-kind="quiet"
          disabled={cannotAsk}
          onClick={() => ask(server.pauseJob(job.jobId))}
          aria-label={`Pause ${name}`}
        >
          Pause
        </button>
      )}
      {isMoving && (
        <button
          type="button"
          data-kind="quiet"
          disabled={cannotAsk}
          onClick={() => ask(server.cancelJob(job.jobId))}
          aria-label={`Cancel ${name}`}
        >
          {job.asked === 'cancel' ? 'Cancelling…' : 'Cancel'}
        </button>
      )}
    </div>
  )
}
