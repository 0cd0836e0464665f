import type { Job, JobDocument } from '@headrace/client'
import { useQuery } from '@tanstack/react-query'
import { Icon } from '../parts/Icon'
import { server } from '../server'
import { plural, wayOut } from '../words'

const SHOWN = 5
const CARDS = 50
const NO_REASON = 'no reason was given'

interface Failed {
  readonly documents: readonly JobDocument[]
}

/** Undefined while they are not known. */
function useFailures(job: Job): readonly JobDocument[] | undefined {
  const { data } = useQuery({
    queryKey: ['failures', job.jobId, job.attempt, job.failedItems],
    queryFn: () => server.request<Failed>('GET', `jobs/${job.jobId}/documents`, { query: { limit: 1000 } }),
    staleTime: Infinity,
  })
  return data?.documents.filter((one) => one.stage === 'failed')
}

/** What failed and why, in a line each. */
export function ErrorList({ job }: { readonly job: Job }) {
  const failures = useFailures(job)
  if (!failures) return null
  if (!failures.length) {
    return (
      <p className="notice" data-kind="bad" data-part="failures">
        {reasonOf(job)}
      </p>
    )
  }
  return (
    <ul className="notice failures" data-kind="bad" data-part="failures">
      {failures.slice(0, SHOWN).map((one) => (
        <li key={one.documentId}>
          <b>{one.filename}</b> {one.errorMessage ?? NO_REASON}
        </li>
      ))}
      {failures.length > SHOWN && (
        <li>and {plural(failures.length - SHOWN, 'document')} more; the job has them all</li>
      )}
    </ul>
  )
}

/** Each failure with the code and the way out; the job's own where no document is to blame. */
export function ErrorCards({ job }: { readonly job: Job }) {
  const failures = useFailures(job)
  if (!failures) return null
  return (
    <div className="stack">
      {failures.slice(0, CARDS).map((one) => (
        <ErrorCard
          key={one.documentId}
          title={one.filename}
          reason={one.errorMessage ?? NO_REASON}
          code={one.errorCode}
        />
      ))}
      {failures.length > CARDS && (
        <p className="soft small">And {plural(failures.length - CARDS, 'document')} more, below.</p>
      )}
      {!failures.length && <ErrorCard title="Why it failed" reason={reasonOf(job)} code={null} />}
    </div>
  )
}

interface ErrorCardProps {
  readonly title: string
  readonly reason: string
  readonly code: string | null
}

function ErrorCard({ title, reason, code }: ErrorCardProps) {
  return (
    <section className="card error-card" aria-label={`${title}: failed`}>
      <Icon name="alert" />
      <div>
        <h2>{title}</h2>
        <p>{sentence(reason)}</p>
        <p className="soft small">{wayOut(code, reason)}</p>
      </div>
      {code && <code>{code}</code>}
    </section>
  )
}

function reasonOf({ errorMessage, message }: Job): string {
  return errorMessage || message || NO_REASON
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(whole) ? whole : `${whole}.`
}
