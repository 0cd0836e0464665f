import type { Http } from './http.js'
import { AGAIN_MS, createList, type ListStore } from './list.js'
import { isLater, isState } from './position.js'
import {
  createValue,
  kept,
  type Lifetime,
  type Notifier,
  type Store,
  throttled,
  type Value,
} from './store.js'
import type { Frame, Job, JobState, JobStatus, JobView } from './types.js'
import { isEnded } from './words.js'

const LOOK_MS = 1_000
const FEW = 3

/** All that this tab knows of jobs: what the routes answered, and then each event. */
export interface Jobs {
  readonly list: ListStore<Job>
  /** The state of one job, asked for when first watched. */
  store(jobId: string): Store<JobState>
  /** Asks the server for a job; what it answers, and what fails, is shown by the stores. */
  look(jobId: string): Promise<unknown>
  ask(jobId: string, verb: NonNullable<Job['asked']>): Promise<Job>
  apply(frame: Frame): void
  /** What no event tells, the place in the queue, is to be looked up again and again while a job waits. */
  lookAtWaiting(): void
}

export function createJobs(http: Http, notifier: Notifier, lifetime: Lifetime): Jobs {
  const known = new Map<string, Job>()
  const stores = new Map<string, Value<JobState>>()
  const wanted = new Set<string>()

  const list = createList<JobView, Job>(http, notifier, lifetime, {
    path: 'jobs',
    key: 'jobId',
    adopt,
  })

  function set(job: Job): Job {
    const { jobId } = job
    known.set(jobId, job)
    stores.get(jobId)?.set({ job, isLoading: false, error: null })
    list.change(jobId, () => job)
    return job
  }

  function change(jobId: string, told: Partial<Job>): void {
    const job = known.get(jobId)
    if (job) set({ ...job, ...told })
  }

  /** Takes what a route answered, unless an event has told something newer. */
  function adopt({ progressPercent, ...facts }: JobView): Job {
    const before = known.get(facts.jobId)
    const fresh = { asked: null, heardAt: Date.now(), usualMs: null, ...facts, percent: progressPercent }
    if (!before) return set(fresh)
    const { asked, heardAt, usualMs, lastEventId, status, stage, progress, percent } = before
    const isOlder = lastEventId !== facts.lastEventId && !isLater(facts.lastEventId ?? '', lastEventId)
    const newer = isOlder && { lastEventId, status, stage, progress, percent }
    return set({ ...fresh, asked, heardAt, usualMs, ...newer })
  }

  const look: Jobs['look'] = (jobId) =>
    http.request<JobView>('GET', `jobs/${jobId}`).then(adopt, (error) => {
      const store = stores.get(jobId)
      store?.set({ job: known.get(jobId) ?? null, isLoading: false, error })
      if (!error.isFinal && (store?.isWatched() || list.isWatched())) setTimeout(want, AGAIN_MS, jobId)
    })

  /** A few are asked for one by one, many by the list that they are in. */
  const lookUp = throttled(LOOK_MS, async () => {
    const asked = [...wanted]
    wanted.clear()
    if (asked.length <= FEW) return Promise.all(asked.map(look))
    const { jobs } = await http.request<{ jobs: JobView[] }>('GET', 'jobs?limit=200')
    const found = jobs.map((view) => adopt(view).jobId)
    return asked.filter((jobId) => !found.includes(jobId)).forEach(want)
  })

  function want(jobId: string): void {
    wanted.add(jobId)
    lookUp()
  }

  function lookAtWaiting(): void {
    for (const { jobId, status } of known.values()) {
      if (status === 'pending' || status === 'paused') want(jobId)
    }
  }

  function hear(frame: Frame): void {
    const { jobId, eventId, seq } = frame
    const before = known.get(jobId ?? '')
    if (seq === 1) list.refreshSoon()
    if (jobId === null || (before && !isLater(eventId, before.lastEventId))) return
    const job = set(after(before, frame, jobId))
    if (before?.status !== job.status) want(jobId)
  }

  /** A snapshot has what has not ended. What we took for alive and is not among it has ended meanwhile. */
  function hearState({ jobs = [] }: Frame): void {
    jobs.forEach(hear)
    const alive = new Set(jobs.map((one) => one.jobId))
    for (const job of known.values()) if (!isEnded(job) && !alive.has(job.jobId)) want(job.jobId)
    list.refreshSoon()
  }

  return {
    list,
    look,
    store: (jobId) =>
      kept(stores, jobId, () => {
        const job = known.get(jobId) ?? null
        const isLoading = job === null
        return createValue<JobState>({ job, isLoading, error: null }, notifier, lifetime, () => look(jobId))
      }),
    async ask(jobId, verb) {
      change(jobId, { asked: verb })
      try {
        return adopt(await http.request<JobView>('POST', `jobs/${jobId}/${verb}`))
      } finally {
        change(jobId, { asked: null })
      }
    },
    lookAtWaiting,
    apply: (frame) => (isState(frame) ? hearState(frame) : hear(frame)),
  }
}

/** The job after an event. Bars never go back but for another attempt, which begins anew. */
function after(before: Job | undefined, frame: Frame, jobId: string): Job {
  // what is left has the names of a job; metadata are the document's, and the rest is the event's own
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  const { type, eventId, progressPercent, metadata, chunkCount, seq, documentId, timestamp, ...facts } = frame
  const now = Date.now()
  const job = before ?? ({ ...UNKNOWN, createdAt: timestamp, heardAt: now } as unknown as Job)
  const status = statusAfter(job, frame)
  const hasEnded = isEnded({ status })
  const floor = isEnded(job) && !hasEnded ? 0 : job.progress
  const progress = Math.max(floor, frame.progress ?? 0)
  const isSame = status === job.status
  const gap = now - job.heardAt
  return {
    ...job,
    ...(facts as Partial<Job>),
    jobId,
    status,
    progress,
    percent: Math.max(floor && job.percent, progressPercent ?? 0),
    waitingFor: isSame ? job.waitingFor : null,
    startedAt: job.startedAt ?? (status === 'running' ? timestamp : null),
    completedAt: hasEnded ? (job.completedAt ?? timestamp) : null,
    lastEventId: eventId,
    asked: isSame ? job.asked : null,
    heardAt: now,
    usualMs: before && type !== 'snapshot' ? (job.usualMs ?? gap) * 0.8 + gap * 0.2 : job.usualMs,
  }
}

/** What no event tells of a job; the route does, a moment later. */
const UNKNOWN = {
  jobType: 'file_ingestion',
  chunksCreated: 0,
  metadata: {},
  attempt: 1,
  progress: 0,
}

/** Frames speak of the stage; only their types tell of a rest. */
function statusAfter(job: Job, { type, status }: Frame): JobStatus {
  if (isEnded({ status })) return status as JobStatus
  if (type === 'job.paused') return 'paused'
  if (job.status === 'paused' && !type.startsWith('job.')) return 'paused'
  return status === 'received' ? 'pending' : 'running'
}
