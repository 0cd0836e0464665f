import type { Job, JobDocument } from '@headrace/client'
import { useQuery } from '@tanstack/react-query'
import { Icon } from '../parts/Icon'
import { server } from '../server'
import { plural, wayOut } from '../words'

const SHOWN = 5

interface Failed {
  readonly documents: readonly JobDocument[]
}

function useFailures(job: Job): readonly JobDocument[] {
  const { data } = useQuery({
    queryKey: ['failures', job.jobId, job.attempt, job.failedItems],
    queryFn: () => server.request<Failed>('GET', `jobs/${job.jobId}/documents`, { query: { limit: 1000 } }),
    staleTime: Infinity,
  })
  return (data?.documents ?? []).filter((one) => one.stage === 'failed')
}

/** What failed and why, in a line each. */
export function ErrorList({ job }: { readonly job: Job }) {
  const failures = useFailures(job)
  if (!failures.length) {
    return job.errorMessage ? (
      <p className="notice" data-kind="bad">
        {job.errorMessage}
      </p>
    ) : null
  }
  return (
    <ul className="notice failures" data-kind="bad" data-part="failures">
      {failures.slice(0, SHOWN).map((one) => (
        <li key={one.documentId}>
          <b>{one.filename}</b> {one.errorMessage ?? 'no reason was given'}
        </li>
      ))}
      {failures.length > SHOWN && (
        <li>and {plural(failures.length - SHOWN, 'document')} more; the job has them all</li>
      )}
    </ul>
  )
}

/** Each failure with the stage, the code and the way out. */
export function ErrorCards({ job }: { readonly job: Job }) {
  const failures = useFailures(job)
  return (
    <div className="stack">
      {failures.slice(0, 50).map((one) => (
        <section className="card error-card" key={one.documentId} aria-label={`Why ${one.filename} failed`}>
          <Icon name="alert" />
          <div>
            <h2>{one.filename}</h2>
            <p>{sentence(one.errorMessage ?? 'It failed, and no reason was given.')}</p>
            <p className="soft small">{wayOut(one.errorCode)}</p>
          </div>
          <code>{one.errorCode ?? 'unknown'}</code>
        </section>
      ))}
    </div>
  )
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(whole) ? whole : `${whole}.`
}
