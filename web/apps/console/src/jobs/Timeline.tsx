import { isEnded, type Job } from '@headrace/client'
import { duration, STAGE_NAMES } from '../words'
import type { Span } from './events'

/** The way of a job through its stages, each as long as it took; what is not done yet is free. */
export function Timeline({ spans, job }: { readonly spans: readonly Span[]; readonly job: Job }) {
  const took = spans.reduce((sum, one) => sum + one.seconds, 0)
  const total = took + secondsLeft(job, took) || 1
  return (
    <figure className="timeline" aria-label="Time in each stage">
      <div className="timeline-track" aria-hidden="true">
        {spans.map((one, at) => (
          <i
            key={at}
            data-stage={one.stage}
            data-state={one.isNow ? 'now' : 'done'}
            style={{ width: `${(one.seconds / total) * 100}%` }}
          />
        ))}
      </div>
      <ol className="timeline-names">
        {spans.map((one, at) => (
          <li key={at} data-stage={one.stage} data-state={one.isNow ? 'now' : 'done'}>
            <i aria-hidden="true" />
            <span>{STAGE_NAMES[one.stage]}</span>
            <b className="figures">{duration(one.seconds)}</b>
          </li>
        ))}
      </ol>
      <figcaption className="soft small">{waited(spans, job)}</figcaption>
    </figure>
  )
}

/** As the server says; before it can, as if it went on as before. */
export function secondsLeft({ status, etaSeconds, progress }: Job, took: number): number {
  if (isEnded({ status })) return 0
  return etaSeconds ?? (took * (1 - progress)) / Math.max(progress, 0.01)
}

function waited(spans: readonly Span[], job: Job): string {
  if (job.waitingFor) return `Waiting: ${job.waitingFor}.`
  const seconds = spans.filter((one) => one.stage === 'received').reduce((sum, one) => sum + one.seconds, 0)
  const took = spans.reduce((sum, one) => sum + one.seconds, 0)
  const all = `${duration(took)} ${isEnded(job) ? 'in all' : 'so far'}`
  return seconds < 0.5
    ? `${all}, hardly any of it waiting.`
    : `${all}; waited ${duration(seconds)} for its turn.`
}
