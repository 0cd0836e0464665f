import type { Job, Stage } from './types.js'

/** The stages on the way of a document; the ends are not among them. */
export const STAGES: readonly Stage[] = ['received', 'extracting', 'chunking', 'enriching', 'indexing']

export const SIGNS: Readonly<Record<Stage, string>> = {
  received: '📥',
  extracting: '🔍',
  chunking: '✂️',
  enriching: '✨',
  indexing: '🗂️',
  completed: '✅',
  failed: '❌',
  cancelled: '🚫',
}

/** "4 of 10"; null while the total is not known. */
export function counter(current: number | null, total: number | null): string | null {
  return total ? `${current ?? 0} of ${total}` : null
}

export function isEnded(job: { readonly status: string | null }): boolean {
  return ['completed', 'failed', 'cancelled'].includes(job.status ?? '')
}

const LEAST_QUIET_MS = 10_000

/** For how long nothing was heard of a running job, once that is three times as long as usual; null before. */
export function quietSeconds(job: Job, now = Date.now()): number | null {
  const quiet = now - job.heardAt
  if (job.status !== 'running' || quiet < Math.max(LEAST_QUIET_MS, 3 * (job.usualMs ?? 0))) return null
  return Math.round(quiet / 1000)
}
