import { type HeadraceError, toError } from './errors.js'
import type { Http } from './http.js'
import { type ListStore, PagedList } from './list.js'
import { isLater } from './position.js'
import { type Lifetime, type Notifier, type Store, throttled, Value } from './store.js'
import type { Frame, Job, JobState, JobStatus, JobView } from './types.js'
import { isEnded } from './words.js'

const LOOK_MS = 1_000
/** What no event tells, the place in the queue, is looked up so often while a job waits. */
const WAITING_MS = 5_000
const FEW = 3

/** All that this tab knows of jobs: what the routes answered, and then each event. */
export class Jobs {
  readonly list: ListStore<Job>
  readonly #paged: PagedList<JobView, Job>
  readonly #known = new Map<string, Job>()
  readonly #stores = new Map<string, Value<JobState>>()
  readonly #wanted = new Set<string>()
  readonly #look: () => void
  #timer: ReturnType<typeof setInterval> | undefined
  #watched = 0

  constructor(
    readonly http: Http,
    readonly notifier: Notifier,
    readonly lifetime: Lifetime,
  ) {
    this.#look = throttled(LOOK_MS, () => this.#lookUp())
    this.#paged = new PagedList(http, notifier, this.#counted(lifetime), {
      path: 'jobs',
      name: 'jobs',
      id: (job) => job.jobId,
      adopt: (view) => this.adopt(view),
    })
    this.list = this.#paged
  }

  /** The state of one job, asked for when first watched. */
  store(jobId: string): Store<JobState> {
    let found = this.#stores.get(jobId)
    if (!found) {
      const job = this.#known.get(jobId) ?? null
      const lifetime = this.#counted({
        start: () => {
          this.lifetime.start()
          void this.read(jobId).catch(() => undefined)
        },
        stop: () => this.lifetime.stop(),
      })
      found = new Value<JobState>({ job, isLoading: job === null, error: null }, this.notifier, lifetime)
      this.#stores.set(jobId, found)
    }
    return found
  }

  async read(jobId: string): Promise<Job> {
    try {
      return this.adopt(await this.http.request<JobView>('GET', `jobs/${jobId}`))
    } catch (error) {
      this.#failed(jobId, toError(error))
      throw error
    }
  }

  async ask(jobId: string, verb: NonNullable<Job['asked']>): Promise<Job> {
    this.#change(jobId, { asked: verb })
    try {
      return this.adopt(await this.http.request<JobView>('POST', `jobs/${jobId}/${verb}`))
    } finally {
      this.#change(jobId, { asked: null })
    }
  }

  /** Takes what a route answered, unless an event has told something newer. */
  adopt(view: JobView): Job {
    const before = this.#known.get(view.jobId)
    const { progressPercent, ...facts } = view
    const told = {
      percent: progressPercent,
      asked: before?.asked ?? null,
      heardAt: Date.now(),
      usualMs: null,
    }
    let job: Job = { ...facts, ...told }
    if (before) {
      const isOlder =
        before.lastEventId !== view.lastEventId && !isLater(view.lastEventId ?? '', before.lastEventId)
      const { heardAt, usualMs, lastEventId, status, stage, progress, percent } = before
      job = { ...job, heardAt, usualMs }
      if (isOlder) job = { ...job, lastEventId, status, stage, progress, percent }
    }
    this.#set(job)
    return job
  }

  apply(frame: Frame): void {
    if (frame.type === 'snapshot' || frame.type === 'reset') this.#state(frame)
    else if (frame.jobId !== null) this.#event(frame, frame.jobId)
  }

  #event(frame: Frame, jobId: string): void {
    const before = this.#known.get(jobId)
    if (before && !isLater(frame.eventId, before.lastEventId)) return
    const job = after(before, frame, jobId)
    this.#set(job)
    if (!before && frame.type.startsWith('job.')) this.#paged.put(job)
    if (!before || before.status !== job.status) this.#want(jobId)
  }

  /** A snapshot has what has not ended. What we took for alive and is not among it has ended meanwhile. */
  #state(frame: Frame): void {
    for (const one of frame.jobs ?? []) if (one.jobId !== null) this.#event(one, one.jobId)
    const alive = new Set(frame.jobs?.map((one) => one.jobId))
    for (const job of this.#known.values()) if (!isEnded(job) && !alive.has(job.jobId)) this.#want(job.jobId)
    if (this.#paged.isWatched) void this.#paged.refresh()
  }

  #set(job: Job): void {
    this.#known.set(job.jobId, job)
    this.#stores.get(job.jobId)?.set({ job, isLoading: false, error: null })
    this.#paged.patch(job)
  }

  #change(jobId: string, change: Partial<Job>): void {
    const job = this.#known.get(jobId)
    if (job) this.#set({ ...job, ...change })
  }

  #failed(jobId: string, error: HeadraceError): void {
    const store = this.#stores.get(jobId)
    if (store) store.set({ job: store.getSnapshot().job, isLoading: false, error })
  }

  #want(jobId: string): void {
    this.#wanted.add(jobId)
    this.#look()
  }

  /** A few are asked for one by one, many by the list that they are in. */
  async #lookUp(): Promise<void> {
    const wanted = [...this.#wanted]
    this.#wanted.clear()
    if (wanted.length <= FEW) {
      await Promise.all(wanted.map((jobId) => this.read(jobId).catch(() => undefined)))
      return
    }
    const page = await this.http.request<{ jobs: JobView[] }>('GET', 'jobs', { query: { limit: 200 } })
    for (const view of page.jobs) this.adopt(view)
    const found = page.jobs.map((view) => view.jobId)
    for (const jobId of wanted) if (!found.includes(jobId)) this.#want(jobId)
  }

  #counted(lifetime: Lifetime): Lifetime {
    return {
      start: () => {
        if (this.#watched++ === 0) this.#timer = setInterval(this.#lookAtWaiting, WAITING_MS)
        lifetime.start()
      },
      stop: () => {
        if (--this.#watched === 0) clearInterval(this.#timer)
        lifetime.stop()
      },
    }
  }

  readonly #lookAtWaiting = (): void => {
    if (globalThis.document?.hidden) return
    for (const job of this.#known.values()) {
      if (job.status === 'pending' || job.status === 'paused') this.#want(job.jobId)
    }
  }
}

/** The job after an event. Bars never go back but for another attempt, which begins anew. */
function after(before: Job | undefined, frame: Frame, jobId: string): Job {
  // what is left has the names of a job; metadata are the document's, and the rest is the event's own
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  const { type, eventId, progressPercent, metadata, chunkCount, jobs, seq, documentId, timestamp, ...facts } =
    frame
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
  percent: 0,
  lastEventId: null,
  asked: null,
  usualMs: null,
}

/** Frames speak of the stage; only their types tell of a rest. */
function statusAfter(job: Job, { type, status }: Frame): JobStatus {
  if (status === 'completed' || status === 'failed' || status === 'cancelled') return status
  if (type === 'job.paused') return 'paused'
  if (job.status === 'paused' && !['job.resumed', 'job.stage', 'job.progress'].includes(type)) return 'paused'
  return status === 'received' ? 'pending' : 'running'
}
