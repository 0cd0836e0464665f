import type { Job, Upload, UploadOptions } from '@headrace/client'
import { type DragEvent, useEffect, useId, useRef, useState } from 'react'
import { useAnnouncements } from './announce.js'
import { useIngestionStatus, useUpload } from './hooks.js'
import { JobProgress } from './jobs.js'
import { ProgressBar } from './parts.js'
import { bytes, uploadText } from './words.js'

export interface DocumentUploadProps {
  /** Into which workspace; it is made when it is first used. */
  collectionName?: string
  metadata?: Readonly<Record<string, unknown>>
  accept?: string
  multiple?: boolean
  /** The bytes are in: from now on nothing is lost. */
  onUploaded?: (jobId: string) => void
  /** It can be searched. */
  onReady?: (job: Job) => void
}

/** Takes files by drop or by choice, and shows each on its way until it can be searched. */
export function DocumentUpload({
  collectionName,
  metadata,
  accept,
  multiple = true,
  onUploaded,
  onReady,
}: DocumentUploadProps) {
  const { uploads, upload, ...verbs } = useUpload()
  const input = useRef<HTMLInputElement>(null)
  const [isOver, setIsOver] = useState(false)
  const hint = useId()
  useAnnouncements()
  const options: UploadOptions = { ...(collectionName && { collectionName }), ...(metadata && { metadata }) }
  const send = (files: readonly File[]): void => {
    for (const file of multiple ? files : files.slice(0, 1)) {
      const left = uploads.find(
        (one) => one.state === 'interrupted' && one.name === file.name && one.size === file.size,
      )
      void upload([file], { ...options, ...(left && { id: left.id }) }).then(
        ({ jobId }) => onUploaded?.(jobId),
        () => undefined, // its row says so
      )
    }
  }
  const drop = (event: DragEvent): void => {
    event.preventDefault()
    setIsOver(false)
    send([...event.dataTransfer.files])
  }
  return (
    <section className="headrace-upload" data-part="document-upload" aria-label="Upload documents">
      <div
        data-part="drop"
        data-state={isOver ? 'over' : 'idle'}
        onDragOver={(event) => {
          event.preventDefault()
          setIsOver(true)
        }}
        onDragLeave={() => setIsOver(false)}
        onDrop={drop}
      >
        <button type="button" aria-describedby={hint} onClick={() => input.current?.click()}>
          {multiple ? 'Choose files' : 'Choose a file'}
        </button>
        <span id={hint}>or drop {multiple ? 'them' : 'it'} here</span>
        <input
          ref={input}
          type="file"
          hidden
          aria-label="Files"
          multiple={multiple}
          {...(accept !== undefined && { accept })}
          onChange={(event) => {
            send([...(event.target.files ?? [])])
            event.target.value = ''
          }}
        />
      </div>
      <ul>
        {uploads.map((one) => (
          <UploadRow key={one.id} upload={one} onReady={onReady} {...verbs} />
        ))}
      </ul>
    </section>
  )
}

interface UploadRowProps {
  upload: Upload
  onReady: ((job: Job) => void) | undefined
  stop(id: string): void
  retry(id: string): void
  dismiss(id: string): void
}

function UploadRow({ upload, onReady, stop, retry, dismiss }: UploadRowProps) {
  const { id, name, size, state, progress, jobId, error } = upload
  const { job, isReady, isEnded, cancel } = useIngestionStatus(jobId)
  const told = useRef(false)
  useEffect(() => {
    if (!isReady || !job || told.current) return
    told.current = true
    onReady?.(job)
  }, [isReady, job, onReady])
  const isOnItsWay = state === 'waiting' || state === 'sending'
  const canRetry = state === 'stopped' || (state === 'failed' && (!error?.isFinal || error.status === 401))
  return (
    <li data-part="upload" data-state={state}>
      {job ? (
        <JobProgress job={job} title={name} />
      ) : (
        <div className="headrace-job" data-part="upload-progress" data-state={state}>
          <span data-part="title">{name}</span>
          <span data-part="text">{uploadText(upload)}</span>
          <span data-part="time">{bytes(size)}</span>
          <ProgressBar
            value={state === 'sending' ? progress * 100 : null}
            label={`Sending ${name}`}
            state={state}
          />
        </div>
      )}
      <div data-part="actions">
        {isOnItsWay ? (
          <button type="button" aria-label={`Stop ${name}`} onClick={() => stop(id)}>
            Stop
          </button>
        ) : null}
        {canRetry ? (
          <button type="button" aria-label={`Send ${name} again`} onClick={() => retry(id)}>
            Send again
          </button>
        ) : null}
        {job && !isEnded ? (
          <button
            type="button"
            aria-label={`Cancel ${name}`}
            disabled={job.asked !== null}
            onClick={() => void cancel().catch(() => undefined)}
          >
            Cancel
          </button>
        ) : null}
        {isEnded || (!isOnItsWay && !jobId) ? (
          <button type="button" aria-label={`Dismiss ${name}`} onClick={() => dismiss(id)}>
            Dismiss
          </button>
        ) : null}
      </div>
    </li>
  )
}

export interface UploadResourceModalProps extends DocumentUploadProps {
  open: boolean
  onClose: () => void
  title?: string
}

/** `DocumentUpload` in a dialog. */
export function UploadResourceModal({
  open,
  onClose,
  title = 'Upload a resource',
  ...upload
}: UploadResourceModalProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const shown = dialog.current
    if (open && shown && !shown.open) shown.showModal()
    if (!open && shown?.open) shown.close()
  }, [open])
  return (
    <dialog
      ref={dialog}
      className="headrace-modal"
      data-part="modal"
      aria-labelledby={heading}
      onClose={onClose}
    >
      <h2 id={heading}>{title}</h2>
      {open ? <DocumentUpload {...upload} /> : null}
      <button type="button" data-part="close" onClick={onClose}>
        Close
      </button>
    </dialog>
  )
}
