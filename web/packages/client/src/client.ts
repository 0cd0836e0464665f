import { createHttp, type RequestOptions } from './http.js'
import { createJobs } from './jobs.js'
import { createList, type ListStore, type PagedList } from './list.js'
import { isState, news } from './position.js'
import { createSharedStream } from './shared.js'
import {
  createNotifier,
  createValue,
  isHidden,
  kept,
  type Lifetime,
  pause,
  safely,
  type Store,
} from './store.js'
import { IDLE, openStream } from './stream.js'
import type {
  ClientOptions,
  Connection,
  Document,
  DocumentFilter,
  DocumentStatus,
  FollowHandlers,
  Frame,
  Handlers,
  IngestReply,
  IngestStatus,
  Job,
  JobDocument,
  JobState,
  Workspace,
  WorkspaceStatus,
} from './types.js'
import {
  createUploads,
  type Upload,
  type Uploadable,
  type UploadHandle,
  type UploadOptions,
} from './uploads.js'

const NOTIFY_MS = 100
/** The stream outlives its last subscriber by so much: a page that changes its view does not open it anew. */
const LINGER_MS = 1_000
const WAITING_MS = 5_000
const HIDDEN_MS = 1_500
const CLAIM_MS = 3_600_000

/** Everything that a page wants of one server. */
export interface Client {
  readonly connection: Store<Connection>
  /** All of the user's, newest first. */
  readonly jobs: ListStore<Job>
  /** This tab's, newest first; they survive a reload. */
  readonly uploads: Store<readonly Upload[]>
  job(jobId: string): Store<JobState>
  jobDocuments(jobId: string): ListStore<JobDocument>
  documents(filter?: DocumentFilter): ListStore<Document>
  workspaces(): ListStore<Workspace>

  /**
   * Tells every event once and in order, from now on until the returned function is called. A handler that throws is
   * reported as any error that nobody has caught, and hears of the next event all the same.
   */
  on(handlers: Handlers): () => void
  /** Follows one job by a stream of its own, as with a ticket that opens no other. */
  follow(jobId: string, handlers: FollowHandlers): () => void

  startUpload(what: Uploadable, options?: UploadOptions): UploadHandle
  stopUpload(id: string): void
  /** Sends again what has failed, under the same key. */
  retryUpload(id: string): void
  dismissUpload(id: string): void

  /** Ingests a document again that is there already. */
  triggerIngest(resourceId: string, options?: { force?: boolean }): Promise<IngestReply>
  getIngestStatus(jobId: string): Promise<IngestStatus>
  cancelJob(jobId: string): Promise<Job>
  retryJob(jobId: string): Promise<Job>
  pauseJob(jobId: string): Promise<Job>
  resumeJob(jobId: string): Promise<Job>

  /** Any route of the server, with its answer in camelCase. */
  request<T>(method: string, path: string, options?: RequestOptions): Promise<T>
  /** True in one of the browser's tabs only, if possible one that is seen: to say something once. */
  claim(name: string): Promise<boolean>
  /** Do not wait for the pause to end. */
  retryNow(): void
  /** Lets go of the stream, whoever is subscribed. */
  close(): void
}

export function createClient(options: ClientOptions = {}): Client {
  const http = createHttp(options)
  const notifier = createNotifier(options.notifyMs ?? NOTIFY_MS)
  const everyone = new Set<Handlers>()
  const documents = new Map<string, PagedList<Document>>()
  const jobDocuments = new Map<string, PagedList<JobDocument>>()
  let users = 0
  let closing: ReturnType<typeof setTimeout> | undefined
  let looking: ReturnType<typeof setInterval> | undefined

  const lifetime: Lifetime = {
    start() {
      users += 1
      clearTimeout(closing)
      if (!looking) stream.start()
      looking ??= setInterval(() => {
        if (connection.getSnapshot().state !== 'stopped' && !isHidden()) jobs.lookAtWaiting()
      }, WAITING_MS)
    },
    stop() {
      users -= 1
      if (!users) closing = setTimeout(close, LINGER_MS)
    },
  }
  const connection = createValue(IDLE, notifier, lifetime)
  const jobs = createJobs(http, notifier, lifetime)
  const uploads = createUploads(http, notifier, (jobId) => void jobs.look(jobId))
  const stream = createSharedStream(http, {
    frames: (frames) => frames.forEach(hear),
    state: connection.set,
  })

  function close(): void {
    clearTimeout(closing)
    if (looking) stream.stop()
    clearInterval(looking)
    looking = undefined
  }

  const list = <T>(path: string, key: keyof T, query?: RequestOptions['query']): PagedList<T> =>
    createList<T, T>(http, notifier, lifetime, { path, key, query })

  const workspaces = list<Workspace>('workspaces', 'workspaceId')

  function hear(frame: Frame): void {
    jobs.apply(frame)
    const { type, timestamp: updatedAt, processingStatus, processingError = null } = frame
    const { workspaceStatus, statusMessage = null } = frame
    const isAnew = isState(frame)
    show(
      documents.values(),
      processingStatus && frame.documentId,
      isAnew || type === 'job.received',
      (one) => {
        const { processingStatus, chunkCount, metadata } = { ...one, ...frame }
        return { ...one, processingStatus, processingError, chunkCount, metadata, updatedAt }
      },
    )
    show([workspaces], workspaceStatus && frame.workspaceId, isAnew, (one) => ({
      ...one,
      status: workspaceStatus ?? one.status,
      statusMessage,
    }))
    for (const [jobId, shown] of jobDocuments) if (isAnew || frame.jobId === jobId) shown.refreshSoon()
    for (const handlers of everyone) tell(handlers, frame)
  }

  /** What is told of an item is shown where it is listed; a list that it may belong to now is read anew. */
  function show<T>(
    lists: Iterable<PagedList<T>>,
    key: string | null | undefined,
    isStale: boolean,
    made: (item: T) => T,
  ): void {
    for (const shown of lists) {
      const isThere = shown.change(key, made)
      // what is being read may be from before
      if (isStale || (key && !(isThere && !shown.getSnapshot().isLoading))) shown.refreshSoon()
    }
  }

  return {
    connection,
    jobs: jobs.list,
    uploads: uploads.store,
    job: jobs.store,
    documents: (filter = {}) =>
      kept(documents, `${filter.workspace} ${filter.status}`, () =>
        list<Document>('documents', 'documentId', { ...filter, limit: 200 }),
      ),
    jobDocuments: (jobId) =>
      kept(jobDocuments, jobId, () => list<JobDocument>(`jobs/${jobId}/documents`, 'documentId')),
    workspaces: () => workspaces,
    on(handlers) {
      everyone.add(handlers)
      lifetime.start()
      return () => {
        if (everyone.delete(handlers)) lifetime.stop()
      }
    },
    follow(jobId, { onEvent, onState: state, onEnd: end, after: at = null }) {
      const place = { at }
      const frames = (told: readonly Frame[]): void =>
        news(place, told).forEach((frame) => tell({ onEvent }, frame))
      return openStream(http, jobId, () => place.at, { frames, state, end }).stop
    },
    startUpload: uploads.start,
    stopUpload: uploads.stop,
    retryUpload: uploads.retry,
    dismissUpload: uploads.dismiss,
    triggerIngest: (resourceId, body = {}) =>
      http.request('POST', `resource/ingest/${encodeURIComponent(resourceId)}`, { body }),
    getIngestStatus: (jobId) => http.request('GET', `resource/ingest/status/${encodeURIComponent(jobId)}`),
    cancelJob: (jobId) => jobs.ask(jobId, 'cancel'),
    retryJob: (jobId) => jobs.ask(jobId, 'retry'),
    pauseJob: (jobId) => jobs.ask(jobId, 'pause'),
    resumeJob: (jobId) => jobs.ask(jobId, 'resume'),
    request: http.request,
    claim,
    retryNow: stream.now,
    close,
  }
}

/** See `Client.claim`. By a lock, for what one tab stores another may see only later; without locks each tab says it. */
async function claim(name: string): Promise<boolean> {
  if (isHidden()) await pause(HIDDEN_MS)
  const locks = globalThis.navigator?.locks
  if (!locks) return true
  return new Promise((resolve) => {
    void locks.request(`headrace ${name}`, { ifAvailable: true }, (lock) => {
      resolve(!!lock)
      return lock && pause(CLAIM_MS)
    })
  })
}

function tell(handlers: Handlers, frame: Frame): void {
  const { type, processingStatus, processingError, workspaceStatus, statusMessage } = frame
  safely(() => handlers.onEvent?.(frame))
  safely(() => {
    if (type === 'reset') handlers.onReset?.()
    else if (type.startsWith('job.')) handlers.onJobEvent?.(frame)
    else if (processingStatus) {
      const view = { ...frame, status: processingStatus, error: processingError }
      handlers.onDocumentStatus?.(view as DocumentStatus)
    } else if (workspaceStatus) {
      const view = { ...frame, status: workspaceStatus, message: statusMessage }
      handlers.onWorkspaceStatus?.(view as WorkspaceStatus)
    }
  })
}

let shared: Client | undefined
let configured: ClientOptions = {}

/** The options of the default client. To be called before it is first used. */
export function configure(options: ClientOptions): void {
  if (shared) throw new Error('configure() comes too late')
  configured = options
}

/** One client for all who do not bring their own. */
export function defaultClient(): Client {
  shared ??= createClient(configured)
  return shared
}

/** `startUpload` of the default client. */
export const startUpload: Client['startUpload'] = (...args) => defaultClient().startUpload(...args)

/** `triggerIngest` of the default client. */
export const triggerIngest: Client['triggerIngest'] = (...args) => defaultClient().triggerIngest(...args)

/** `getIngestStatus` of the default client. */
export const getIngestStatus: Client['getIngestStatus'] = (jobId) => defaultClient().getIngestStatus(jobId)
