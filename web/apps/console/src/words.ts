import { counter, type Job, type JobDocument, type Stage, type Upload } from '@headrace/client'

/** What people read for a stage. */
export const STAGE_NAMES: Readonly<Record<Stage, string>> = {
  received: 'Waiting',
  extracting: 'Reading',
  chunking: 'Chunking',
  enriching: 'Enriching',
  indexing: 'Embedding',
  completed: 'Ready',
  failed: 'Failed',
  cancelled: 'Cancelled',
}

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = count
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

// Made once: to make one takes longer than to draw a row.
const NUMBERS = new Intl.NumberFormat('en')
const DAYS = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric' })
const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

export function number(value: number): string {
  return NUMBERS.format(value).replaceAll(',', '\u202f')
}

export function plural(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`
}

export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 100) return `${Math.round(seconds)} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}

export function timeLeft(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return ''
  return `about ${duration(Math.max(1, Math.round(seconds)))} left`.replace('.0 s', ' s')
}

export function ago(instant: string, now = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(instant)) / 1000)
  if (seconds < 45) return 'just now'
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`
  return DAYS.format(new Date(instant))
}

export function clock(instant: string): string {
  return CLOCK.format(new Date(instant))
}

/** "Embedding 420 of 1 278 chunks", or what is known of it. */
export function doing(job: Job): string {
  if (job.asked)
    return { cancel: 'Cancelling…', pause: 'Pausing…', resume: 'Resuming…', retry: 'Retrying…' }[job.asked]
  if (job.status === 'paused') return job.waitingFor ?? 'Paused'
  if (job.status === 'pending') return job.waitingFor ? `Waiting: ${job.waitingFor}` : 'Waiting for its turn'
  if (job.status === 'completed') {
    if (!isIngestion(job)) return 'Done'
    const failed = job.failedItems ? ` · ${number(job.failedItems)} failed` : ''
    return `${plural(job.stats.chunks ?? job.chunksCreated, 'chunk')} · ready to be asked${failed}`
  }
  if (job.status === 'failed') return isIngestion(job) ? 'Nothing of it can be found' : 'Failed'
  if (job.status === 'cancelled')
    return isIngestion(job) ? 'Cancelled; nothing of it can be found' : 'Cancelled'
  if (job.waitingFor) return `${STAGE_NAMES[job.stage]}: ${job.waitingFor}`
  if (job.jobType === 'task') {
    const steps = counter(job.processedItems, job.totalItems)
    return steps ? `${steps} steps` : 'At work'
  }
  const chunks = counter(job.currentChunk, job.totalChunks)
  return chunks ? `${STAGE_NAMES[job.stage]} ${chunks} chunks` : STAGE_NAMES[job.stage]
}

/** Whether a job takes in documents; others make a workspace, clear one away, or are somebody's own task. */
export function isIngestion(job: Job): boolean {
  return job.jobType.endsWith('_ingestion')
}

export function doingDocument(item: JobDocument): string {
  if (item.stage === 'failed') return item.errorMessage ?? 'Failed'
  if (item.stage === 'completed') return item.warnings[0] ?? plural(item.chunkCount, 'chunk')
  const chunks = item.stage === 'indexing' ? counter(item.currentChunk, item.totalChunks) : null
  return chunks ? `${STAGE_NAMES[item.stage]} ${chunks} chunks` : STAGE_NAMES[item.stage]
}

export function doingUpload(upload: Upload): string {
  if (upload.state === 'failed') return upload.error?.message ?? 'Could not be sent'
  if (upload.state === 'interrupted') return 'The page was left before everything was sent: drop it again'
  if (upload.state === 'stopped') return 'Stopped before everything was sent'
  if (upload.state === 'waiting') return 'Waiting to be sent'
  if (upload.state === 'sending' && upload.error)
    return upload.error.status
      ? `Not taken yet: ${upload.error.message}`
      : 'The server does not answer; it is sent again in a moment'
  if (upload.state === 'sent') return 'Received. You may close this tab.'
  return `Sending ${bytes(upload.sentBytes)} of ${bytes(upload.size)}`
}

/** What one can do about an error, by its code. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  corrupt: 'Open it in the program that made it, save it again, and send that.',
  encrypted: 'Remove the password, and send it again.',
  unsupported_type: 'Export it as PDF, Word, HTML or text, and send that.',
  empty: 'If it is a scan, see to it that tesseract is installed on the server, then retry.',
  too_large: 'Split it into smaller documents, or let the operator raise the limit.',
  timeout: 'Split it into smaller documents, or let the operator raise HEADRACE_PARSE_SECONDS.',
  out_of_memory: 'Split it into smaller documents, or let the operator raise HEADRACE_PARSE_MEMORY_BYTES.',
  parser_crashed: 'Save it again in the program that made it, or export it as PDF.',
  embedding_failed: 'The embedding service did not answer well: retry when it does.',
  budget_spent: 'The workspace has used up what it may spend: raise it, then retry.',
  worker_died: 'Retry; if it fails again, the document is likely to be too much for this machine.',
}

/** Nothing where the message says it already, behind its semicolon. */
export function wayOut(code: string | null, message = ''): string {
  if (message.includes('; ')) return ''
  return (
    WAYS_OUT[code ?? ''] ??
    'Retry; if it fails again, send the document anew, or look into the log of the server.'
  )
}
