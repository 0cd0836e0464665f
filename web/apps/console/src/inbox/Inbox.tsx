import { isEnded, type Job, type Upload } from '@headrace/client'
import { useState } from 'react'
import { JobRow } from '../jobs/JobRow'
import { Icon } from '../parts/Icon'
import { Trouble } from '../parts/Trouble'
import { href } from '../route'
import { server, useStore } from '../server'
import { useBatch } from './batch'
import { BatchHeader } from './BatchHeader'
import { dismiss, useDismissed } from './dismissed'
import { Empty } from './Empty'
import { useHeld } from './held'
import { UploadRow } from './UploadRow'
import { WaysIn } from './WaysIn'
import { isIngestion } from '../words'

const SHOWN = 50
const dismissOne = (jobId: string): void => dismiss([jobId])

/** Where documents come in, and are seen until they can be asked. */
export function Inbox() {
  const { items, isLoading, error } = useStore(server.jobs)
  const uploads = useStore(server.uploads)
  const dismissed = useDismissed()
  const [batch, dismissBatch] = useBatch()
  const jobs = items.filter((job) => belongs(job) && !dismissed.has(job.jobId))
  const there = new Set(items.map((job) => job.jobId))
  const coming = uploads.filter((one) => !one.jobId || !(there.has(one.jobId) || dismissed.has(one.jobId)))
  const isEmpty = !isLoading && !error && !jobs.length && !coming.length
  return (
    <div className="stack">
      <h1 className="unseen">Inbox</h1>
      <WaysIn isLarge={isEmpty} />
      {!items.length && <Trouble error={error} />}
      {batch && (batch.total > 1 || batch.jobs.length > 1) && (
        <BatchHeader batch={batch} onDismiss={dismissBatch} />
      )}
      {isEmpty ? (
        <Empty />
      ) : (
        jobs.length + coming.length > 0 && <Rows jobs={jobs} coming={coming} uploads={uploads} />
      )}
    </div>
  )
}

/** Tasks and the making of workspaces are work too, but nobody dropped them. */
function belongs(job: Job): boolean {
  return job.totalItems > 0 && isIngestion(job)
}

interface RowsProps {
  readonly jobs: readonly Job[]
  readonly coming: readonly Upload[]
  readonly uploads: readonly Upload[]
}

function Rows({ jobs, coming, uploads }: RowsProps) {
  const [isPointed, setPointed] = useState(false)
  const own = new Map(uploads.flatMap((one) => (one.jobId ? [[one.jobId, one] as const] : [])))
  const { shown, waiting, release } = useHeld(
    jobs,
    (job) => job.jobId,
    isPointed,
    (job) => own.has(job.jobId),
  )
  const finished = shown.filter((job) => isEnded(job) && !(job.status === 'failed' || job.failedItems))
  return (
    <section
      className="stack"
      aria-label="Uploads"
      onPointerEnter={(event) => setPointed(event.pointerType === 'mouse')}
      onPointerLeave={() => setPointed(false)}
    >
      <div className="spread rows-head">
        <h2>Uploads</h2>
        <div className="line">
          {waiting > 0 && (
            <button type="button" onClick={release}>
              <Icon name="up" /> {waiting} new
            </button>
          )}
          {finished.length > 0 && (
            <button type="button" data-kind="quiet" onClick={() => dismiss(finished.map((job) => job.jobId))}>
              Clear finished
            </button>
          )}
        </div>
      </div>
      {coming.map((upload) => (
        <UploadRow key={upload.id} upload={upload} />
      ))}
      {shown.slice(0, SHOWN).map((job) => (
        <JobRow key={job.jobId} job={job} size={own.get(job.jobId)?.size} onDismiss={dismissOne} />
      ))}
      {shown.length > SHOWN && <a href={href('jobs')}>All jobs</a>}
    </section>
  )
}
