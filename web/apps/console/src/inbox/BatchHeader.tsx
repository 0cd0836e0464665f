import type { Job } from '@headrace/client'
import { Icon } from '../parts/Icon'
import { useLost } from '../parts/lost'
import { Legend, Segments } from '../parts/Segments'
import { Sparkline } from '../parts/Sparkline'
import { server } from '../server'
import { number, plural, timeLeft } from '../words'
import { type Batch, useRate, useStages } from './batch'

const AVERAGED = 5

/** All that is going on, in one look. */
export function BatchHeader({ batch, onDismiss }: { readonly batch: Batch; readonly onDismiss: () => void }) {
  const stages = useStages(batch.jobs)
  const isLost = useLost() !== null
  const isActive = batch.active.length > 0 && !isLost
  const samples = useRate(batch.jobs, isActive)
  const recent = samples.slice(-AVERAGED)
  const rate = recent.length ? recent.reduce((sum, one) => sum + one, 0) / recent.length : 0
  return (
    <section className="card batch" aria-label="All together" data-part="batch">
      <div className="spread">
        <div>
          <h2 className="figures">{headline(batch)}</h2>
          <p className="soft small figures">{details(batch, isActive, rate)}</p>
        </div>
        {isActive && <Sparkline values={samples} label={`${rate.toFixed(0)} chunks a second of late`} />}
      </div>
      <Segments stages={stages} label="Documents by stage" />
      <div className="spread">
        <Legend counts={stages.counts} />
        <Actions batch={batch} onDismiss={onDismiss} />
      </div>
    </section>
  )
}

function headline({ processed, ready, total, active, isArriving }: Batch): string {
  if (active.length || isArriving) return `${number(processed)} of ${plural(total, 'file')}`
  return ready ? `${plural(ready, 'file')} can be asked now` : 'Nothing became searchable'
}

function details({ etaSeconds, isArriving, failed }: Batch, isActive: boolean, rate: number): string {
  const parts = [
    isActive && rate > 0 ? `${rate < 10 ? rate.toFixed(1) : number(Math.round(rate))} chunks/s` : '',
    isActive ? timeLeft(etaSeconds) : '',
    isArriving ? 'more is being sent' : '',
    failed
      ? `${number(failed)} failed`
      : isActive
        ? 'all that is received is safe: you may close this tab'
        : '',
  ]
  return parts.filter(Boolean).join(' · ')
}

function Actions({ batch, onDismiss }: { readonly batch: Batch; readonly onDismiss: () => void }) {
  const running = batch.active.filter((job) => job.status !== 'paused')
  const paused = batch.active.filter((job) => job.status === 'paused')
  const isLost = useLost() !== null
  const broken = batch.jobs.filter(
    (job) => job.failedItems > 0 && ['completed', 'failed'].includes(job.status),
  )
  return (
    <div className="line">
      {broken.length > 0 && (
        <button type="button" disabled={isLost} onClick={() => each(broken, 'retry')}>
          <Icon name="retry" /> Retry failed
        </button>
      )}
      {running.length > 0 && (
        <button type="button" disabled={isLost} onClick={() => each(running, 'pause')}>
          <Icon name="pause" /> Pause
        </button>
      )}
      {paused.length > 0 && (
        <button type="button" disabled={isLost} onClick={() => each(paused, 'resume')}>
          <Icon name="play" /> Resume
        </button>
      )}
      {batch.active.length > 0 ? (
        <button
          type="button"
          data-kind="danger"
          disabled={isLost}
          onClick={() => each(batch.active, 'cancel')}
        >
          <Icon name="cross" /> Cancel rest
        </button>
      ) : (
        <button type="button" data-kind="quiet" onClick={onDismiss}>
          Dismiss
        </button>
      )}
    </div>
  )
}

/** What has ended in between answers 409, and needs nothing any more. */
function each(jobs: readonly Job[], verb: 'pause' | 'resume' | 'cancel' | 'retry'): void {
  const ask = {
    pause: server.pauseJob,
    resume: server.resumeJob,
    cancel: server.cancelJob,
    retry: server.retryJob,
  }[verb]
  for (const job of jobs) void ask.call(server, job.jobId).catch(() => undefined)
}
