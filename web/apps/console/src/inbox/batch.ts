import { isEnded, type Job, type JobDocument, STAGES, type Stage } from '@headrace/client'
import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { Stages } from '../parts/Segments'
import { server, useStore } from '../server'

const SAMPLES = 40
const SAMPLE_MS = 1_000
const DETAILED = 4

/** What is being worked on, and what was since the work began. */
export interface Batch {
  readonly jobs: readonly Job[]
  readonly active: readonly Job[]
  /** More is being sent. */
  readonly isArriving: boolean
  readonly total: number
  readonly processed: number
  /** Can be searched, as nothing of a job that was cancelled can. */
  readonly ready: number
  readonly failed: number
  readonly etaSeconds: number | null
}

/** The jobs from the moment on in which something began; it is over when it is dismissed. */
export function useBatch(): readonly [Batch | null, () => void] {
  const { items } = useStore(server.jobs)
  const [isArriving, arrived] = useArriving(items)
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  const documents = items.filter((job) => job.totalItems > 0 && job.jobType !== 'task')
  const active = documents.filter((job) => !isEnded(job))
  const fresh = documents.filter((job) => !isEnded(job) || arrived.includes(job.jobId))
  const missing = fresh.filter((job) => !ids.has(job.jobId))
  if (missing.length) {
    // a batch that has ended makes place for the next one
    const isOver = !isArriving && documents.every((job) => !ids.has(job.jobId) || isEnded(job))
    setIds(new Set([...(isOver ? [] : ids), ...missing.map((job) => job.jobId)]))
  }
  const jobs = documents.filter((job) => ids.has(job.jobId))
  const dismiss = (): void => setIds(new Set(active.map((job) => job.jobId)))
  return [jobs.length ? summary(jobs, isArriving) : null, dismiss]
}

/** Whether something is being sent, or has been and its job is not in the list yet; and the jobs that have just come. */
function useArriving(listed: readonly Job[]): readonly [boolean, readonly (string | null)[]] {
  const uploads = useStore(server.uploads)
  const [before, setBefore] = useState('')
  const isListed = (jobId: string | null): boolean => listed.some((job) => job.jobId === jobId)
  const sent = uploads.filter(({ id, state }) => state === 'sent' && before.includes(id))
  const now = uploads
    .filter((one) => one.state === 'waiting' || one.state === 'sending')
    .concat(sent.filter(({ jobId }) => !isListed(jobId)))
    .map(({ id }) => id)
    .join(' ')
  if (now !== before) setBefore(now)
  return [`${before}${now}` !== '', sent.map(({ jobId }) => jobId)]
}

export function summary(jobs: readonly Job[], isArriving: boolean): Batch {
  const active = jobs.filter((job) => !isEnded(job))
  const sum = (of: (job: Job) => number): number => jobs.reduce((all, job) => all + of(job), 0)
  const times = active.map((job) => job.etaSeconds).filter((one) => one !== null)
  return {
    jobs,
    active,
    isArriving,
    total: sum((job) => job.totalItems),
    processed: sum((job) => job.processedItems),
    ready: sum((job) => (job.status === 'cancelled' ? 0 : job.processedItems - job.failedItems)),
    failed: sum((job) => job.failedItems),
    etaSeconds: times.length ? Math.max(...times) : null,
  }
}

/** Chunks a second, sampled while there is work. */
export function useRate(jobs: readonly Job[], isActive: boolean): readonly number[] {
  const [samples, setSamples] = useState<readonly number[]>([])
  const now = useRef(0)
  const chunks = jobs.reduce((all, job) => all + done(job), 0)
  useEffect(() => {
    now.current = chunks
  }, [chunks])
  useEffect(() => {
    if (!isActive) return
    let before: number | null = null // what was there already has no pace
    const timer = setInterval(() => {
      const made = Math.max(0, now.current - (before ?? now.current))
      before = now.current
      setSamples((all) => [...all.slice(1 - SAMPLES), made])
    }, SAMPLE_MS)
    return () => clearInterval(timer)
  }, [isActive])
  return samples
}

function done({ stats, currentChunk, stage }: Job): number {
  const embedded = stats.embeddingsComputed + stats.embeddingsReused
  return Math.max(embedded, stage === 'indexing' ? (currentChunk ?? 0) : 0)
}

/** How many documents stand where, and how much of them is done: by their own stage where a job has several. */
export function useStages(jobs: readonly Job[]): Stages {
  const detailed = jobs.filter((job) => job.totalItems > 1 && !isEnded(job)).slice(0, DETAILED)
  const items = useDocumentsOf(detailed.map((job) => job.jobId).join(' '))
  const counts: Partial<Record<Stage, number>> = {}
  const done: Partial<Record<Stage, number>> = {}
  const add: Add = (stage, count, share) => {
    counts[stage] = (counts[stage] ?? 0) + count
    done[stage] = (done[stage] ?? 0) + count * (STAGES.includes(stage) ? share : 1)
  }
  for (const job of jobs) {
    const own = items.get(job.jobId)
    if (own?.length) for (const item of own) add(item.stage, 1, item.progress)
    else countJob(job, add)
  }
  return { counts, done }
}

type Add = (stage: Stage, count: number, share: number) => void

export function countJob(job: Job, add: Add): void {
  const { status, stage, progress, totalItems, processedItems, failedItems } = job
  add('failed', failedItems, 1)
  if (status === 'failed' || status === 'cancelled') return add(stage, totalItems - failedItems, 1)
  add('completed', processedItems - failedItems, 1)
  const left = Math.max(0, totalItems - processedItems)
  const share = left ? Math.max(0, progress * totalItems - processedItems) / left : 0
  add(STAGES.includes(stage) ? stage : 'received', left, share)
}

function useDocumentsOf(jobIds: string): ReadonlyMap<string, readonly JobDocument[]> {
  const [store] = useState(() => new DocumentsOfJobs())
  useEffect(() => store.watch(jobIds ? jobIds.split(' ') : []), [store, jobIds])
  return useSyncExternalStore(store.subscribe, store.getSnapshot)
}

/** Several lists as one. */
class DocumentsOfJobs {
  #all: ReadonlyMap<string, readonly JobDocument[]> = new Map()
  readonly #listeners = new Set<() => void>()

  readonly getSnapshot = (): ReadonlyMap<string, readonly JobDocument[]> => this.#all

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  watch(jobIds: readonly string[]): () => void {
    const lists = jobIds.map((jobId) => [jobId, server.jobDocuments(jobId)] as const)
    const read = (): void => {
      this.#all = new Map(lists.map(([jobId, list]) => [jobId, list.getSnapshot().items]))
      for (const listener of this.#listeners) listener()
    }
    const stops = lists.map(([, list]) => list.subscribe(read))
    read()
    return () => stops.forEach((stop) => stop())
  }
}
