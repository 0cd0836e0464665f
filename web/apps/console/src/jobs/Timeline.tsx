import type { Job } from '@headrace/client'
import { duration, STAGE_NAMES } from '../words'
import type { Span } from './events'

/** The way of a job through its stages, each as long as it took. */
export function Timeline({ spans, job }: { readonly spans: readonly Span[]; readonly job: Job }) {
  const total = spans.reduce((sum, one) => sum + one.seconds, 0) || 1
  return (
    <figure className="timeline" aria-label="Stages">
      <div className="timeline-track" aria-hidden="true">
        {spans.map((one, at) => (
          <i
            key={at}
            data-stage={one.stage}
            data-state={one.isNow ? 'now' : 'done'}
            style={{ flexGrow: Math.max(0.015, one.seconds / total) }}
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

function waited(spans: readonly Span[], job: Job): string {
  if (job.waitingFor) return `Waiting: ${job.waitingFor}.`
  const seconds = spans.filter((one) => one.stage === 'received').reduce((sum, one) => sum + one.seconds, 0)
  const took = spans.reduce((sum, one) => sum + one.seconds, 0)
  return seconds < 0.5
    ? `${duration(took)} in all, hardly any of it waiting.`
    : `${duration(took)} in all; waited ${duration(seconds)} for its turn.`
}
