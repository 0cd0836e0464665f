import { counter, type Job, quietSeconds, type Stage, type Upload } from '@headrace/client'

export const STAGE_NAMES: Readonly<Record<Stage, string>> = {
  received: 'Received',
  extracting: 'Extracting text',
  chunking: 'Chunking',
  enriching: 'Enriching',
  indexing: 'Indexing',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
}

const ASKED = { cancel: 'Cancelling…', pause: 'Pausing…', resume: 'Resuming…', retry: 'Retrying…' }

/** Where a job stands, in one line: "Indexing 4 of 10". */
export function jobText(job: Job): string {
  if (job.asked) return ASKED[job.asked]
  if (job.status === 'failed') return job.errorMessage ?? 'Failed'
  if (job.status === 'completed') {
    const ready = `${job.processedItems - job.failedItems} of ${job.totalItems} ready`
    return job.failedItems ? `${ready}, ${job.failedItems} failed` : 'Ready'
  }
  if (job.status === 'cancelled') return 'Cancelled'
  if (job.waitingFor) return `Waiting: ${job.waitingFor}`
  if (job.status === 'paused') return 'Paused'
  const quiet = quietSeconds(job)
  const told = [STAGE_NAMES[job.stage], counter(job.currentChunk, job.totalChunks)].filter(Boolean).join(' ')
  return quiet === null ? told : `${told} – nothing heard for ${quiet} s`
}

export function uploadText({ state, error, progress }: Upload): string {
  if (state === 'waiting') return 'Waiting to be sent'
  if (state === 'sending')
    return error ? 'The connection broke, sending again' : `Sending ${Math.floor(progress * 100)} %`
  if (state === 'interrupted') return 'Interrupted: choose the same files again'
  if (state === 'stopped') return 'Stopped'
  return error?.message ?? 'Sent. You may close this tab.'
}

/** "about 3 min left"; nothing while it is not known. */
export function timeLeft(seconds: number | null): string {
  if (seconds === null) return ''
  if (seconds < 60) return `about ${Math.max(1, Math.round(seconds))} s left`
  if (seconds < 3600) return `about ${Math.round(seconds / 60)} min left`
  return `about ${(seconds / 3600).toFixed(1)} h left`
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`
  if (count < 1e6) return `${Math.round(count / 1e3)} kB`
  return `${(count / 1e6).toFixed(1)} MB`
}

/** What a job is called: by its name in the metadata, else by how it came. */
export function jobTitle(job: Job): string {
  const { title, filename, source } = job.metadata
  const named = [title, filename, source].find((name) => typeof name === 'string' && name !== '')
  if (typeof named === 'string') return named
  return `${job.jobType.replaceAll('_', ' ')} ${job.jobId.slice(-6)}`
}
